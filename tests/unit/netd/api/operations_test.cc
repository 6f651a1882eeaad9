// Requests and replies of each resource, as `aws ec2 ... --output json` shows them.
#include <gtest/gtest.h>

#include "tests/unit/netd/api/world.hh"

namespace caisson::netd::api {
namespace {

/// `actual` with ids, which are random, as their prefix.
Json without_ids(Json actual) {
  if (actual.is_structured()) {
    for (auto& child : actual)
      child = without_ids(std::move(child));
  } else if (actual.is_string()) {
    const auto text = actual.get<std::string>();
    const auto dash = text.rfind("-0");
    if (dash != std::string::npos && text.size() == dash + 18) return text.substr(0, dash);
  }
  return actual;
}

TEST(Vpcs, CreateVpc) {
  World world;
  EXPECT_EQ(without_ids(world.ask_text("CreateVpc", R"({"CidrBlock":"100.68.0.18/18","TagSpecifications":
              [{"ResourceType":"vpc","Tags":[{"Key":"Name","Value":"shop"}]}]})")),
            Json::parse(R"({"Vpc":{"CidrBlock":"100.68.0.0/18","DhcpOptionsId":"dopt","State":"available",
              "VpcId":"vpc","OwnerId":"000000000001","InstanceTenancy":"default",
              "Ipv6CidrBlockAssociationSet":[],"CidrBlockAssociationSet":[{"AssociationId":"vpc-cidr-assoc",
              "CidrBlock":"100.68.0.0/18","CidrBlockState":{"State":"associated"}}],"IsDefault":false,
              "Tags":[{"Key":"Name","Value":"shop"}]}})"));
}

TEST(Vpcs, Errors) {
  const struct {
    const char* parameters;
    const char* code;
  } cases[] = {
      {R"({"CidrBlock":"ten"})", "InvalidParameterValue"},
      {R"({"CidrBlock":"10.0.0.0/8"})", "InvalidVpc.Range"},
      {R"({"CidrBlock":"10.0.0.0/16","InstanceTenancy":"dedicated"})", "InvalidParameterValue"},
      {R"({"CidrBlock":"10.0.0.0/16","TagSpecifications":[{"ResourceType":"subnet","Tags":[]}]})",
       "InvalidParameterValue"},
      {R"({"CidrBlock":"10.0.0.0/16","TagSpecifications":[{"ResourceType":"vpc","Tags":[{"Key":"a"},{"Key":"a"}]}]})",
       "InvalidParameterValue"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(World().code("CreateVpc", Json::parse(c.parameters)), c.code) << c.parameters;
  EXPECT_EQ(World().code("DeleteVpc", {{"VpcId", "vpc-x"}}), "InvalidVpcID.Malformed");
  EXPECT_EQ(World().code("DeleteVpc", {{"VpcId", "vpc-12345678"}}), "InvalidVpcID.NotFound");
}

TEST(Subnets, CountTheirFreeAddressesAndKnowTheirZone) {
  World world;
  const auto vpc = world.vpc();
  const auto made =
      world.ask("CreateSubnet",
                {{"VpcId", vpc}, {"CidrBlock", "10.0.1.0/28"}, {"AvailabilityZoneId", "use1-az2"}})["Subnet"];
  EXPECT_EQ(made["AvailableIpAddressCount"], 11);
  EXPECT_EQ(made["AvailabilityZone"], "us-east-1b");
  EXPECT_EQ(made["AvailabilityZoneId"], "use1-az2");
  world.ask("CreateNetworkInterface", {{"SubnetId", made["SubnetId"]}});
  EXPECT_EQ(world.ask("DescribeSubnets", Json::object())["Subnets"][0]["AvailableIpAddressCount"], 10);
  EXPECT_EQ(world.code("CreateSubnet",
                       {{"VpcId", vpc}, {"CidrBlock", "10.0.2.0/28"}, {"AvailabilityZoneId", "use1-az7"}}),
            "InvalidParameterValue");
  EXPECT_EQ(world.code("CreateSubnet", {{"VpcId", vpc},
                                        {"CidrBlock", "10.0.2.0/28"},
                                        {"AvailabilityZone", "us-east-1a"},
                                        {"AvailabilityZoneId", "use1-az1"}}),
            "InvalidParameterCombination");
}

TEST(SecurityGroups, DescribeTheirRulesGroupedByPorts) {
  World world;
  const auto vpc = world.vpc();
  const auto web = world.group(vpc, "web");
  const auto db = world.group(vpc, "db");
  Json permissions = Json::parse(R"([{"IpProtocol":"tcp","FromPort":5432,"ToPort":5432,"IpRanges":
      [{"CidrIp":"10.0.0.0/8","Description":"inside"}],"UserIdGroupPairs":[{"UserId":"000000000001"}]}])");
  permissions[0]["UserIdGroupPairs"][0]["GroupId"] = web;
  world.ask("AuthorizeSecurityGroupIngress", {{"GroupId", db}, {"IpPermissions", permissions}});
  const auto shown = world.ask("DescribeSecurityGroups", {{"GroupIds", {db}}})["SecurityGroups"][0];
  permissions[0]["Ipv6Ranges"] = permissions[0]["PrefixListIds"] = Json::array();
  EXPECT_EQ(shown["IpPermissions"], permissions);
  EXPECT_EQ(shown["IpPermissionsEgress"],
            Json::parse(R"([{"IpProtocol":"-1","IpRanges":[{"CidrIp":"0.0.0.0/0"}],"Ipv6Ranges":[],
                             "PrefixListIds":[],"UserIdGroupPairs":[]}])"));
  EXPECT_EQ(shown["VpcId"], vpc);
  // What Describe shows is what Revoke takes.
  world.ask("RevokeSecurityGroupIngress", {{"GroupId", db}, {"IpPermissions", shown["IpPermissions"]}});
  EXPECT_EQ(world.ask("DescribeSecurityGroups", {{"GroupIds", {db}}})["SecurityGroups"][0]["IpPermissions"],
            Json::array());
}

TEST(SecurityGroupRules, AuthorizeShowsEachRule) {
  World world;
  const auto group = world.group(world.vpc(), "web");
  const auto reply = world.ask(
      "AuthorizeSecurityGroupEgress",
      {{"GroupId", group}, {"IpProtocol", "17"}, {"FromPort", 53}, {"ToPort", 53}, {"CidrIp", "10.1.2.3/8"}});
  EXPECT_EQ(without_ids(reply),
            Json::parse(R"({"Return":true,"SecurityGroupRules":[{"SecurityGroupRuleId":"sgr","GroupId":"sg",
              "GroupOwnerId":"000000000001","IsEgress":true,"IpProtocol":"udp","FromPort":53,"ToPort":53,
              "CidrIpv4":"10.0.0.0/8","Tags":[]}]})"));
  const Json id = reply["SecurityGroupRules"][0]["SecurityGroupRuleId"];
  EXPECT_EQ(world.ask("DescribeSecurityGroupRules", {{"SecurityGroupRuleIds", {id}}})["SecurityGroupRules"],
            reply["SecurityGroupRules"]);
  const auto revoked =
      world.ask("RevokeSecurityGroupEgress", {{"GroupId", group}, {"SecurityGroupRuleIds", {id}}});
  EXPECT_EQ(revoked["RevokedSecurityGroupRules"][0]["SecurityGroupRuleId"], id);
}

TEST(SecurityGroupRules, Errors) {
  World world;
  const auto group = world.group(world.vpc(), "web");
  const struct {
    const char* parameters;
    const char* code;
  } cases[] = {
      {R"({"IpPermissions":[{"IpProtocol":"tcp","FromPort":1,"ToPort":1}]})", "InvalidPermission.Malformed"},
      {R"({"IpPermissions":[{"IpProtocol":"carrier-pigeon","IpRanges":[{"CidrIp":"10.0.0.0/8"}]}]})",
       "InvalidPermission.Malformed"},
      {R"({"IpPermissions":[{"IpProtocol":"300","IpRanges":[{"CidrIp":"10.0.0.0/8"}]}]})",
       "InvalidPermission.Malformed"},
      {R"({"IpPermissions":[{"IpProtocol":"icmpv6","IpRanges":[{"CidrIp":"10.0.0.0/8"}]}]})",
       "InvalidParameterValue"},
      {R"({"IpPermissions":[{"IpProtocol":"tcp","FromPort":1,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}]})",
       "InvalidParameterValue"},
      {R"({"IpPermissions":[{"IpProtocol":"tcp","FromPort":70000,"ToPort":70000,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}]})",
       "InvalidParameterValue"},
      {R"({"IpPermissions":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"::/0"}]}]})", "InvalidParameterValue"},
      {R"({"IpPermissions":[{"IpProtocol":"-1","UserIdGroupPairs":[{"GroupId":"x"}]}]})",
       "InvalidGroupId.Malformed"},
      {R"({"IpPermissions":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"10.0.0.0/8"}]}],"CidrIp":"10.0.0.0/8"})",
       "InvalidParameterCombination"},
      {R"({"IpProtocol":"tcp","FromPort":1,"ToPort":1})", "MissingParameter"},
      {R"({"CidrIp":"10.0.0.0/8"})", "MissingParameter"},
      {R"({})", "MissingParameter"},
  };
  for (const auto& c : cases) {
    auto parameters = Json::parse(c.parameters);
    parameters["GroupId"] = group;
    EXPECT_EQ(world.code("AuthorizeSecurityGroupIngress", parameters), c.code) << c.parameters;
  }
}

TEST(NetworkInterfaces, ShowTheirAttachment) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto web = world.group(vpc, "web");
  auto made = world.ask("CreateNetworkInterface", {{"SubnetId", subnet},
                                                   {"Groups", {web}},
                                                   {"PrivateIpAddress", "10.0.1.77"},
                                                   {"Description", "database"},
                                                   {"ClientToken", "t"}});
  EXPECT_EQ(made["ClientToken"], "t");
  auto shown = made["NetworkInterface"];
  const Json id = shown["NetworkInterfaceId"];
  shown["MacAddress"] = "";
  EXPECT_EQ(without_ids(shown), Json::parse(R"({"AvailabilityZone":"us-east-1a","Description":"database",
              "Groups":[{"GroupName":"web","GroupId":"sg"}],"InterfaceType":"interface","Ipv6Addresses":[],
              "MacAddress":"","NetworkInterfaceId":"eni","OwnerId":"000000000001","PrivateIpAddress":"10.0.1.77",
              "PrivateIpAddresses":[{"Primary":true,"PrivateIpAddress":"10.0.1.77"}],"RequesterManaged":false,
              "SourceDestCheck":true,"Status":"available","SubnetId":"subnet","TagSet":[],"VpcId":"vpc"})"));
  const auto attached = world.ask(
      "AttachNetworkInterface", {{"NetworkInterfaceId", id}, {"InstanceId", "netns:db"}, {"DeviceIndex", 2}});
  shown = world.ask("DescribeNetworkInterfaces", {{"NetworkInterfaceIds", {id}}})["NetworkInterfaces"][0];
  EXPECT_EQ(shown["Status"], "in-use");
  EXPECT_EQ(without_ids(shown["Attachment"]),
            Json::parse(R"({"AttachTime":"2026-01-01T00:00:00.000Z","AttachmentId":"eni-attach",
              "DeleteOnTermination":false,"DeviceIndex":2,"NetworkCardIndex":0,"InstanceId":"netns:db",
              "InstanceOwnerId":"000000000001","Status":"attached"})"));
  EXPECT_EQ(world.ask("DetachNetworkInterface", {{"AttachmentId", attached["AttachmentId"]}}),
            Json::object());
  EXPECT_EQ(world.ask("DeleteNetworkInterface", {{"NetworkInterfaceId", id}}), Json::object());
}

TEST(NetworkInterfaces, Errors) {
  World world;
  const auto subnet = world.subnet(world.vpc());
  const auto create = [&](const char* parameters) {
    auto json = Json::parse(parameters);
    json["SubnetId"] = subnet;
    return world.code("CreateNetworkInterface", json);
  };
  EXPECT_EQ(create(R"({"Groups":["web"]})"), "InvalidSecurityGroupId.Malformed");
  EXPECT_EQ(create(R"({"Groups":["sg-00000000000000001"]})"), "InvalidSecurityGroupID.NotFound");
  EXPECT_EQ(create(R"({"PrivateIpAddress":"10.0.1"})"), "InvalidParameterValue");
  EXPECT_EQ(create(R"({"InterfaceType":"efa"})"), "InvalidParameterValue");
  EXPECT_EQ(create(R"({"Ipv6AddressCount":1})"), "InvalidParameterValue");
  for (const char* instance : {"i-0123456789abcdef0", "netns:", "netns:a/b", "netns:..", "db", ""}) {
    EXPECT_EQ(world.code("AttachNetworkInterface", {{"NetworkInterfaceId", "eni-00000000000000001"},
                                                    {"InstanceId", instance},
                                                    {"DeviceIndex", 0}}),
              "InvalidInstanceID.Malformed")
        << instance;
  }
}

TEST(FunctionInterfaces, AreShownAsLambdas) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto group = world.group(vpc, "web");
  const auto reply = world.ask("EnsureFunctionInterface",
                               {{"User", "shop#1"}, {"SubnetIds", {subnet}}, {"SecurityGroupIds", {group}}});
  EXPECT_EQ(without_ids(reply), Json::parse(R"({"NetworkInterfaces":[{"NetworkInterfaceId":"eni",
    "SubnetId":"subnet","VpcId":"vpc","PrivateIpAddress":"10.0.1.4"}]})"));
  const auto shown =
      world.ask_text("DescribeNetworkInterfaces",
                     R"({"Filters":[{"Name":"requester-managed","Values":["true"]}]})")["NetworkInterfaces"];
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0]["InterfaceType"], "lambda");
  EXPECT_EQ(shown[0]["Status"], "in-use");
  EXPECT_EQ(shown[0]["RequesterManaged"], true);
  EXPECT_EQ(world.code("DeleteNetworkInterface", {{"NetworkInterfaceId", shown[0]["NetworkInterfaceId"]}}),
            "OperationNotPermitted");
  EXPECT_EQ(world.ask("ReleaseFunctionInterface", {{"User", "shop#1"}}), Json::object());
  EXPECT_EQ(world.ask("DescribeNetworkInterfaces", Json::object())["NetworkInterfaces"], Json::array());
}

TEST(RouteTablesAndAcls, AreThoseOfTheVpc) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto table = world.ask("DescribeRouteTables", Json::object())["RouteTables"][0];
  EXPECT_EQ(table["VpcId"], vpc);
  EXPECT_EQ(table["Associations"][0]["Main"], true);
  EXPECT_EQ(table["Routes"], Json::parse(R"([{"DestinationCidrBlock":"10.0.0.0/16","GatewayId":"local",
                                              "Origin":"CreateRouteTable","State":"active"}])"));
  const auto acl = world.ask("DescribeNetworkAcls", Json::object())["NetworkAcls"][0];
  EXPECT_EQ(acl["Associations"][0]["SubnetId"], subnet);
  EXPECT_EQ(acl["Entries"].size(), 4U);
  EXPECT_EQ(acl["Entries"][3]["RuleNumber"], 32767);
  EXPECT_EQ(acl["Entries"][3]["RuleAction"], "deny");
}

TEST(DryRun, NeverSucceeds) {
  World world;
  const auto vpc = world.vpc();
  const auto dry = [&](const char* name, const Json& parameters) {
    return dry_run(*find_operation(name), world.state, world.account, parameters).code;
  };
  EXPECT_EQ(dry("CreateVpc", {{"CidrBlock", "10.0.0.0/16"}}), "DryRunOperation");
  EXPECT_EQ(dry("CreateVpc", {{"CidrBlock", "10.0.0.0/8"}}), "InvalidVpc.Range");
  EXPECT_EQ(dry("DeleteVpc", {{"VpcId", "x"}}), "InvalidVpcID.Malformed");
  EXPECT_EQ(dry("DescribeVpcs", Json::object()), "DryRunOperation");
  EXPECT_EQ(dry("DescribeVpcs", {{"MaxResults", 1}}), "InvalidParameterValue");
  EXPECT_EQ(world.state.vpcs.size(), 1U);
}

}  // namespace
}  // namespace caisson::netd::api
