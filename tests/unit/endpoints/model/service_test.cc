#include "endpoints/model/service.hh"

#include <gmock/gmock.h>

#include "tests/unit/endpoints/model/documents.hh"

namespace caisson::endpoints {
namespace {

using testing::HasSubstr;

TEST(Service, TheInstalledDocuments) {
  const Service s3 = service_of("s3");
  EXPECT_EQ(s3.service_name, "com.amazonaws.us-east-1.s3");
  EXPECT_EQ(s3.prefix_list, "pl-63a5400a");
  EXPECT_EQ(s3.cidrs, (std::vector<Ipv4Cidr>{*Ipv4Cidr::parse("203.0.113.0/25")}));
  EXPECT_EQ(s3.ports, (std::vector<std::uint16_t>{80, 443}));
  ASSERT_TRUE(s3.rest);
  for (const auto& operation : s3.rest->operations)
    EXPECT_THAT(operation.action, testing::StartsWith("s3:"));
  const Service dynamodb = service_of("dynamodb");
  ASSERT_TRUE(dynamodb.json);
  EXPECT_EQ(dynamodb.json->resource, "arn:aws:dynamodb:us-east-1:{account}:table/{name}");
}

TEST(Service, Hosts) {
  const Service s3 = service_of("s3");
  EXPECT_EQ(match_host(s3, "s3.us-east-1.amazonaws.com"), "");
  EXPECT_EQ(match_host(s3, "s3.amazonaws.com"), "");
  EXPECT_EQ(match_host(s3, "my.bucket.s3.us-east-1.amazonaws.com"), "my.bucket");
  EXPECT_EQ(match_host(s3, ".s3.us-east-1.amazonaws.com"), std::nullopt);
  EXPECT_EQ(match_host(s3, "s3.eu-west-1.amazonaws.com"), std::nullopt);
  EXPECT_EQ(match_host(s3, "s3.us-east-1.amazonaws.com.evil.example"), std::nullopt);
  EXPECT_EQ(match_host(service_of("dynamodb"), "x.dynamodb.us-east-1.amazonaws.com"), std::nullopt);
}

TEST(Service, SaysWhatIsWrong) {
  const std::string names =
      R"({"Name":"x","ServiceName":"x","SigningName":"x","Hosts":["x"],"PrefixList":{"Id":"pl-12345678","Cidrs":["192.0.2.0/24"]})";
  const std::string head = names + R"(,"Ports":[443])";
  const struct {
    std::string document;
    const char* said;
  } cases[] = {
      {"", "not JSON"},
      {"[]", "an object"},
      {std::string(100, '['), "too deeply"},
      {R"({"Nmae":"x"})", "no member Nmae"},
      {R"({"Name":1})", "a string Name"},
      {head + R"(,"Requests":"Soap"})", "Rest or Json"},
      {head + R"(,"Requests":"Rest","Parameters":["a",1]})", "must be strings"},
      {head + R"(,"Requests":"Rest","Parameters":[]})", "a list Operations"},
      {head +
           R"(,"Requests":"Rest","Parameters":[],"Operations":[{"Method":"GET","On":"Key","Action":"x"}]})",
       "On must be"},
      {names + R"(,"Ports":[0]})", "1 to 65535"},
      {names + "}", "needs Ports"},
      {R"({"Name":"x","ServiceName":"x"})", "must be an object"},
      {R"({"Name":"x","ServiceName":"x","PrefixList":{"Id":"x","Cidrs":[]}})", "must be pl-"},
      {R"({"Name":"x","ServiceName":"x","PrefixList":{"Id":"pl-12345678","Cidrs":[]}})", "needs Cidrs"},
      {R"({"Name":"x","ServiceName":"x","PrefixList":{"Id":"pl-12345678","Cidrs":["x"]}})", "IPv4 blocks"},
  };
  for (const auto& c : cases) {
    const auto service = parse_service(c.document, "r");
    ASSERT_FALSE(service) << c.document;
    EXPECT_EQ(service.error().code, "InvalidServiceDocument");
    EXPECT_THAT(service.error().message, HasSubstr(c.said)) << c.document;
  }
}

}  // namespace
}  // namespace caisson::endpoints
