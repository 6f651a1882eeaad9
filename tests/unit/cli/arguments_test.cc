#include "cli/arguments.hh"

#include <gtest/gtest.h>

#include "cli/print.hh"
#include "cli/shorthand.hh"
#include "netd/api/shapes.hh"

namespace caisson::cli {
namespace {

TEST(KebabCase, AsTheAwsCliSpellsThem) {
  EXPECT_EQ(kebab_case("CreateVpc"), "create-vpc");
  EXPECT_EQ(kebab_case("DescribeNetworkAcls"), "describe-network-acls");
  EXPECT_EQ(kebab_case("IpPermissions"), "ip-permissions");
}

TEST(Shorthand, BecomesObjects) {
  const struct {
    const char* text;
    const char* json;
  } cases[] = {
      {"Key=Name,Value=shop", R"({"Key":"Name","Value":"shop"})"},
      {"Key=Name,Value=", R"({"Key":"Name","Value":""})"},
      {"Name=vpc-id,Values=a,b", R"({"Name":"vpc-id","Values":["a","b"]})"},
      {"Values=a,b,Name=x", R"({"Values":["a","b"],"Name":"x"})"},
      {"ResourceType=vpc,Tags=[{Key=a,Value=b},{Key=c,Value=d}]",
       R"({"ResourceType":"vpc","Tags":[{"Key":"a","Value":"b"},{"Key":"c","Value":"d"}]})"},
      {R"(Key=a,Value="x, y=z")", R"({"Key":"a","Value":"x, y=z"})"},
      {R"(Key=a,Value='it\'s')", R"({"Key":"a","Value":"it's"})"},
      {R"(Key=a,Value=x\,y)", R"({"Key":"a","Value":"x,y"})"},
      {"Name=tag:Owner,Values=a b", R"({"Name":"tag:Owner","Values":"a b"})"},
      {"A={B=c},D=[]", R"({"A":{"B":"c"},"D":[]})"},
  };
  for (const auto& c : cases) {
    const auto parsed = parse_shorthand(c.text);
    ASSERT_TRUE(parsed) << c.text << ": " << parsed.error().text();
    EXPECT_EQ(parsed.value(), Json::parse(c.json)) << c.text;
  }
}

TEST(Shorthand, RefusesWhatIsNone) {
  for (const char* text : {"", "Key", "=x", "Key=a,Key=b", "A=[b", "A={B=c", "A=\"b", "A={}", "A=[b]x"}) {
    EXPECT_FALSE(parse_shorthand(text)) << text;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i)
    deep += "A={";
  EXPECT_FALSE(parse_shorthand(deep));
}

TEST(ValueOf, HasTheTypeOfTheShape) {
  using namespace netd::api;
  EXPECT_EQ(value_of(list_of(string_shape()), {"a", "b"}).value(), Json({"a", "b"}));
  EXPECT_EQ(value_of(list_of(string_shape()), {R"(["a","b"])"}).value(), Json({"a", "b"}));
  EXPECT_EQ(value_of(integer_shape(), {"5"}).value(), 5);
  EXPECT_FALSE(value_of(integer_shape(), {"5x"}));
  const auto filters = list_of(
      structure({required("Name", string_shape(), ""), required("Values", list_of(string_shape()), ""),
                 optional("Count", integer_shape(), ""), optional("On", boolean_shape(), "")}));
  EXPECT_EQ(value_of(filters, {"Name=a,Values=b,Count=3,On=true"}).value(),
            Json::parse(R"([{"Name":"a","Values":["b"],"Count":3,"On":true}])"));
  EXPECT_EQ(value_of(filters, {"Name=a,Values=b", R"({"Name":"c","Values":["d"]})"}).value().size(), 2U);
  EXPECT_FALSE(value_of(filters, {"[{"}));
}

TEST(PermissionOf, TheShortForms) {
  const struct {
    RuleWords words;
    const char* json;
  } cases[] = {
      {{"tcp", "5432", "10.0.0.0/8", ""},
       R"([{"IpProtocol":"tcp","FromPort":5432,"ToPort":5432,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}])"},
      {{"udp", "1-9", "", "sg-1"},
       R"([{"IpProtocol":"udp","FromPort":1,"ToPort":9,"UserIdGroupPairs":[{"GroupId":"sg-1"}]}])"},
      {{"tcp", "all", "10.0.0.0/8", ""},
       R"([{"IpProtocol":"tcp","FromPort":0,"ToPort":65535,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}])"},
      {{"icmp", "-1", "10.0.0.0/8", ""},
       R"([{"IpProtocol":"icmp","FromPort":-1,"ToPort":-1,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}])"},
      {{"icmp", "3-4", "10.0.0.0/8", ""},
       R"([{"IpProtocol":"icmp","FromPort":3,"ToPort":4,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}])"},
      {{"all", "", "10.0.0.0/8", ""}, R"([{"IpProtocol":"-1","IpRanges":[{"CidrIp":"10.0.0.0/8"}]}])"},
  };
  for (const auto& c : cases) {
    const auto made = permission_of(c.words);
    ASSERT_TRUE(made) << c.json;
    EXPECT_EQ(made.value(), Json::parse(c.json));
  }
  EXPECT_FALSE(permission_of({"", "5432", "10.0.0.0/8", ""}));
  EXPECT_FALSE(permission_of({"tcp", "5432", "", ""}));
  EXPECT_FALSE(permission_of({"tcp", "5432", "10.0.0.0/8", "sg-1"}));
  EXPECT_FALSE(permission_of({"tcp", "http", "10.0.0.0/8", ""}));
}

TEST(DescribeText, IsATree) {
  const auto reply = Json::parse(R"({"Accounts":[{"AccountId":"000000000001","Vpcs":[{"VpcId":"vpc-1",
    "CidrBlock":"10.0.0.0/16","Managed":false,"Subnets":[{"SubnetId":"subnet-1","CidrBlock":"10.0.1.0/24",
    "Bridge":"br-0000000001","NetworkInterfaces":[
      {"NetworkInterfaceId":"eni-1","PrivateIpAddress":"10.0.1.4","InterfaceType":"lambda","Status":"in-use",
       "Groups":["sg-1"],"Slots":[{"Slot":3,"Tap":"cs0003","State":"open","Block":5}]},
      {"NetworkInterfaceId":"eni-2","PrivateIpAddress":"10.0.1.5","InterfaceType":"interface","Status":"in-use",
       "Groups":["sg-1","sg-2"],"Attachment":{"InstanceId":"netns:db","Port":"cm0001"},"Slots":[]}]}]}]}],
    "SlotPool":{"Total":8,"Free":7}})");
  EXPECT_EQ(describe_text(reply),
            "account 000000000001\n"
            "`-- VPC vpc-1  10.0.0.0/16\n"
            "    `-- subnet subnet-1  10.0.1.0/24  bridge br-0000000001\n"
            "        |-- eni-1  10.0.1.4  lambda  in-use  sg-1\n"
            "        |   `-- slot 3  cs0003  open  port block 5\n"
            "        `-- eni-2  10.0.1.5  interface  in-use  sg-1,sg-2\n"
            "            `-- member netns:db  port cm0001\n"
            "slots: 7 of 8 free\n");
}

TEST(FlowsText, IsATable) {
  const auto reply = Json::parse(R"({"Flows":[{"NetworkInterfaceId":"eni-1","Direction":"egress","Protocol":6,
    "Source":"10.0.1.4","SourcePort":4,"Destination":"10.0.1.5","DestinationPort":5432,"Action":"REJECT",
    "Reason":"SG_INGRESS","RuleId":"","Packets":1,"Bytes":60,"FirstSeen":"a","LastSeen":"b"}]})");
  EXPECT_EQ(flows_text(reply),
            "INTERFACE  DIRECTION  PROTOCOL  SOURCE      DESTINATION    ACTION  REASON      RULE  PACKETS  "
            "BYTES  LAST "
            "SEEN\n"
            "eni-1      egress     tcp       10.0.1.4:4  10.0.1.5:5432  REJECT  SG_INGRESS  -     1        "
            "60     b\n");
}

}  // namespace
}  // namespace caisson::cli
