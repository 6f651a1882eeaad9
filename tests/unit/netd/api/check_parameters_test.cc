#include <gtest/gtest.h>

#include "tests/unit/netd/api/world.hh"

namespace caisson::netd::api {
namespace {

TEST(CheckParameters, ByTheShapesOfTheTable) {
  const struct {
    const char* name;
    const char* operation;
    const char* parameters;
    const char* code;
  } cases[] = {
      {"fits", "CreateVpc", R"({"CidrBlock":"10.0.0.0/16","DryRun":false})", ""},
      {"unknown", "CreateVpc", R"({"CidrBlock":"10.0.0.0/16","Cidr":1})", "UnknownParameter"},
      {"wrong case", "CreateVpc", R"({"cidrBlock":"10.0.0.0/16"})", "UnknownParameter"},
      {"missing", "CreateVpc", "{}", "MissingParameter"},
      {"null", "CreateVpc", R"({"CidrBlock":null})", "InvalidParameterValue"},
      {"number for a string", "CreateVpc", R"({"CidrBlock":10})", "InvalidParameterValue"},
      {"string for a boolean", "CreateVpc", R"({"CidrBlock":"10.0.0.0/16","DryRun":"yes"})",
       "InvalidParameterValue"},
      {"control characters", "CreateVpc", R"({"CidrBlock":"10.0.0.0/16\u0000"})", "InvalidParameterValue"},
      {"object for a list", "DescribeVpcs", R"({"VpcIds":{}})", "InvalidParameterValue"},
      {"number in a list", "DescribeVpcs", R"({"VpcIds":[1]})", "InvalidParameterValue"},
      {"string for an integer", "DescribeVpcs", R"({"MaxResults":"5"})", "InvalidParameterValue"},
      {"fraction", "DescribeVpcs", R"({"MaxResults":5.5})", "InvalidParameterValue"},
      {"2^64 - 1", "DescribeVpcs", R"({"MaxResults":18446744073709551615})", "InvalidParameterValue"},
      {"inner unknown", "DescribeVpcs", R"({"Filters":[{"Name":"vpc-id","Values":["a"],"X":1}]})",
       "UnknownParameter"},
      {"inner missing", "DescribeVpcs", R"({"Filters":[{"Name":"vpc-id"}]})", "MissingParameter"},
      {"list for a structure", "DescribeVpcs", R"({"Filters":[[]]})", "InvalidParameterValue"},
      {"IPv6", "CreateVpc", R"({"CidrBlock":"10.0.0.0/16","Ipv6CidrBlock":"fd00::/56"})",
       "InvalidParameterValue"},
      {"IPv6 not wanted", "CreateVpc", R"({"CidrBlock":"10.0.0.0/16","AmazonProvidedIpv6CidrBlock":false})",
       ""},
      {"IPv6 ranges", "AuthorizeSecurityGroupIngress",
       R"({"GroupId":"sg-1","IpPermissions":[{"IpProtocol":"tcp","Ipv6Ranges":[{"CidrIpv6":"::/0"}]}]})",
       "InvalidParameterValue"},
      {"no IPv6 ranges", "AuthorizeSecurityGroupIngress",
       R"({"GroupId":"sg-1","IpPermissions":[{"IpProtocol":"tcp","Ipv6Ranges":[],"PrefixListIds":[]}]})", ""},
      {"not an object", "CreateVpc", "[]", "InvalidParameterValue"},
  };
  for (const auto& c : cases) {
    const auto checked = check_parameters(*find_operation(c.operation), Json::parse(c.parameters));
    EXPECT_EQ(checked ? "" : checked.error().code, c.code) << c.name;
  }
}

TEST(CheckParameters, SaysWhereAndWhat) {
  const auto checked = check_parameters(*find_operation("DescribeVpcs"),
                                        Json::parse(R"({"Filters":[{"Name":"a","Values":[1]}]})"));
  EXPECT_EQ(checked.error().message, "Parameter Filters[0].Values[0] is invalid: it must be a string");
  const auto ipv6 = check_parameters(*find_operation("CreateSubnet"),
                                     Json::parse(R"({"VpcId":"v","CidrBlock":"c","Ipv6CidrBlock":"x"})"));
  EXPECT_EQ(ipv6.error().message, "The parameter Ipv6CidrBlock is not supported. Caisson has IPv4 only.");
}

TEST(CheckParameters, BoundsStringsAndLists) {
  const auto& operation = *find_operation("DescribeVpcs");
  EXPECT_TRUE(check_parameters(operation, {{"VpcIds", std::vector<std::string>(1000, "x")}}));
  EXPECT_FALSE(check_parameters(operation, {{"VpcIds", std::vector<std::string>(1001, "x")}}));
  EXPECT_TRUE(check_parameters(operation, {{"NextToken", std::string(4096, 'x')}}));
  EXPECT_FALSE(check_parameters(operation, {{"NextToken", std::string(4097, 'x')}}));
}

TEST(Operations, AreSortedAndFound) {
  const auto& all = operations();
  EXPECT_EQ(all.size(), 48U);
  for (std::size_t i = 1; i < all.size(); ++i)
    EXPECT_LT(all[i - 1].name, all[i].name);
  for (const auto& operation : all) {
    EXPECT_EQ(find_operation(operation.name), &operation);
    EXPECT_NE(operation.doc, "");
    EXPECT_NE(operation.changes(), static_cast<bool>(operation.read)) << operation.name;
    EXPECT_EQ(operation.changes(), static_cast<bool>(operation.reply)) << operation.name;
  }
  EXPECT_EQ(find_operation("CreateVpcs"), nullptr);
}

TEST(HttpStatus, IsEc2s) {
  EXPECT_EQ(http_status({.code = "InvalidVpcID.NotFound"}), 400U);
  EXPECT_EQ(http_status({.code = "DryRunOperation"}), 412U);
  EXPECT_EQ(http_status({.code = "UnauthorizedOperation"}), 403U);
  EXPECT_EQ(http_status({.code = "ServiceUnavailable"}), 503U);
  EXPECT_EQ(http_status(Error::system(2, "open", "x")), 500U);
  EXPECT_EQ(error_body(Error::system(2, "open", "x"), "id"),
            Json::parse(R"({"Error":{"Code":"InternalError","Message":"open x: No such file or directory"},
                            "RequestID":"id"})"));
}

TEST(StampedJson, IsReadBackToTheSameCommand) {
  const auto record = encode_stored("CreateVpc", {{"CidrBlock", "10.0.0.0/16"}}, {"000000000007"},
                                    0xfedcba9876543210, "2026-01-01T00:00:00.000Z");
  const auto stamped = decode_stored(Json::parse(record.dump()));
  ASSERT_TRUE(stamped) << stamped.error().text();
  EXPECT_EQ(stamped.value().account.text, "000000000007");
  EXPECT_EQ(stamped.value().seed, 0xfedcba9876543210);
  EXPECT_EQ(stamped.value().time, "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(std::get<vpc::CreateVpc>(stamped.value().command).cidr.text(), "10.0.0.0/16");
}

TEST(StampedJson, RefusesWhatItDidNotWrite) {
  const auto good = encode_stored("CreateVpc", {{"CidrBlock", "10.0.0.0/16"}}, {"000000000007"}, 1, "t");
  ASSERT_TRUE(decode_stored(good));
  for (const char* member : {"Operation", "Account", "Seed", "Time", "Parameters"}) {
    auto bad = good;
    bad.erase(member);
    EXPECT_FALSE(decode_stored(bad)) << member;
    bad[member] = 7;
    EXPECT_FALSE(decode_stored(bad)) << member;
  }
  for (const char* operation : {"DescribeVpcs", "NoSuchAction"}) {
    auto bad = good;
    bad["Operation"] = operation;
    EXPECT_FALSE(decode_stored(bad)) << operation;
  }
  EXPECT_FALSE(decode_stored(Json::array()));
}

}  // namespace
}  // namespace caisson::netd::api
