// Route tables, prefix lists and endpoints, as `aws ec2 ... --output json` shows them.
#include <gtest/gtest.h>

#include "netd/api/services.hh"
#include "tests/unit/netd/api/world.hh"

namespace caisson::netd::api {
namespace {

constexpr const char* kS3 = "com.amazonaws.us-east-1.s3";
constexpr const char* kDynamodb = "com.amazonaws.us-east-1.dynamodb";

class Endpoints : public testing::Test {
 protected:
  Endpoints() {
    world.state.services = known_services();
    vpc = world.vpc();
    subnet = world.subnet(vpc);
    table = world.ask("CreateRouteTable", {{"VpcId", vpc}})["RouteTable"]["RouteTableId"];
    interface =
        world.ask("CreateNetworkInterface", {{"SubnetId", subnet}})["NetworkInterface"]["NetworkInterfaceId"];
  }
  Json shown(const std::string& id) {
    return world.ask("DescribeRouteTables", {{"RouteTableIds", {id}}})["RouteTables"][0];
  }
  std::size_t found(const char* filter, const std::string& value) {
    return world
        .ask("DescribeRouteTables", {{"Filters", {{{"Name", filter}, {"Values", {value}}}}}})["RouteTables"]
        .size();
  }
  std::string create(const std::string& service = kS3) {
    return world.ask("CreateVpcEndpoint", {{"VpcId", vpc},
                                           {"ServiceName", service},
                                           {"RouteTableIds", {table}}})["VpcEndpoint"]["VpcEndpointId"];
  }

  World world;
  std::string vpc, subnet, table, interface;
};

TEST_F(Endpoints, AllDocumentsAreKnown) {
  ASSERT_EQ(known_services().size(), 2U);
  EXPECT_EQ(known_services()[0].name, kDynamodb);
  EXPECT_EQ(known_services()[1].name, kS3);
}

TEST_F(Endpoints, RouteTablesShowAssociationsAndRoutes) {
  const auto associated = world.ask("AssociateRouteTable", {{"RouteTableId", table}, {"SubnetId", subnet}});
  const std::string association = associated["AssociationId"];
  EXPECT_EQ(associated["AssociationState"]["State"], "associated");
  EXPECT_EQ(world.ask("CreateRoute", {{"RouteTableId", table},
                                      {"DestinationCidrBlock", "192.0.2.9/24"},
                                      {"NetworkInterfaceId", interface}}),
            Json::parse(R"({"Return":true})"));
  const std::string endpoint = create();
  const Json json = shown(table);
  EXPECT_EQ(json["Associations"], Json::array({{{"Main", false},
                                                {"RouteTableAssociationId", association},
                                                {"RouteTableId", table},
                                                {"SubnetId", subnet},
                                                {"AssociationState", {{"State", "associated"}}}}}));
  EXPECT_EQ(json["Routes"], Json::array({{{"DestinationCidrBlock", "10.0.0.0/16"},
                                          {"GatewayId", "local"},
                                          {"Origin", "CreateRouteTable"},
                                          {"State", "active"}},
                                         {{"DestinationCidrBlock", "192.0.2.0/24"},
                                          {"NetworkInterfaceId", interface},
                                          {"Origin", "CreateRoute"},
                                          {"State", "blackhole"}},
                                         {{"DestinationPrefixListId", "pl-63a5400a"},
                                          {"GatewayId", endpoint},
                                          {"Origin", "CreateRoute"},
                                          {"State", "active"}}}));
  for (const auto& [filter, value] :
       std::map<const char*, std::string>{{"association.main", "false"},
                                          {"association.subnet-id", subnet},
                                          {"association.route-table-association-id", association},
                                          {"association.route-table-id", table},
                                          {"route.destination-cidr-block", "192.0.2.0/24"},
                                          {"route.destination-prefix-list-id", "pl-63a5400a"},
                                          {"route.gateway-id", endpoint},
                                          {"route.state", "blackhole"},
                                          {"route.origin", "CreateRoute"}}) {
    EXPECT_EQ(found(filter, value), 1U) << filter;
    EXPECT_EQ(found(filter, "none"), 0U) << filter;
  }
}

TEST_F(Endpoints, ARouteIsABlackholeWhenItsInterfaceGoes) {
  const auto state = [&] { return shown(table)["Routes"][1]["State"]; };
  world.ask(
      "CreateRoute",
      {{"RouteTableId", table}, {"DestinationCidrBlock", "192.0.2.0/24"}, {"NetworkInterfaceId", interface}});
  const std::string attachment = world.ask(
      "AttachNetworkInterface",
      {{"NetworkInterfaceId", interface}, {"InstanceId", "netns:x"}, {"DeviceIndex", 0}})["AttachmentId"];
  EXPECT_EQ(state(), "active");
  EXPECT_EQ(shown(table)["Routes"][1]["InstanceId"], "netns:x");
  world.ask("DetachNetworkInterface", {{"AttachmentId", attachment}});
  EXPECT_EQ(state(), "blackhole");
  world.ask("DeleteNetworkInterface", {{"NetworkInterfaceId", interface}});
  EXPECT_EQ(state(), "blackhole");
}

TEST_F(Endpoints, TargetsThatAreNotThere) {
  const struct {
    const char* member;
    const char* id;
    const char* code;
  } cases[] = {{"GatewayId", "igw-12345678", "InvalidGatewayID.NotFound"},
               {"GatewayId", "local", "InvalidParameterValue"},
               {"GatewayId", "vpce-12345678", "InvalidParameterValue"},
               {"NatGatewayId", "nat-12345678", "InvalidNatGatewayID.NotFound"},
               {"InstanceId", "i-12345678", "InvalidInstanceID.NotFound"},
               {"TransitGatewayId", "tgw-12345678", "InvalidTransitGatewayID.NotFound"},
               {"VpcPeeringConnectionId", "pcx-12345678", "InvalidVpcPeeringConnectionID.NotFound"},
               {"VpcEndpointId", "vpce-12345678", "InvalidVpcEndpointId.NotFound"},
               {"EgressOnlyInternetGatewayId", "eigw-12345678", "InvalidParameterValue"},
               {"NetworkInterfaceId", "eni-12345678", "InvalidNetworkInterfaceID.NotFound"},
               {"NetworkInterfaceId", "eni", "InvalidNetworkInterfaceID.Malformed"}};
  const Json route{{"RouteTableId", table}, {"DestinationCidrBlock", "192.0.2.0/24"}};
  for (const auto& c : cases) {
    Json parameters = route;
    parameters[c.member] = c.id;
    EXPECT_EQ(world.code("CreateRoute", parameters), c.code) << parameters;
  }
  EXPECT_EQ(world.code("CreateRoute", route), "MissingParameter");
  EXPECT_EQ(world.code("CreateRoute", {{"RouteTableId", table}, {"NetworkInterfaceId", interface}}),
            "MissingParameter");
  Json two = route;
  two["NetworkInterfaceId"] = interface;
  two["GatewayId"] = "igw-12345678";
  EXPECT_EQ(world.code("CreateRoute", two), "InvalidParameterCombination");
  EXPECT_EQ(world.code("DeleteRoute", {{"RouteTableId", table}, {"DestinationPrefixListId", "pl-63a5400a"}}),
            "InvalidParameterValue");
  EXPECT_EQ(world.code("DisassociateRouteTable", {{"AssociationId", "x"}}), "InvalidAssociationID.Malformed");
}

TEST_F(Endpoints, PrefixLists) {
  EXPECT_EQ(world.ask("DescribePrefixLists", Json::object()), Json::parse(R"({"PrefixLists":[
      {"Cidrs":["203.0.113.128/25"],"PrefixListId":"pl-02cd2c6b","PrefixListName":"com.amazonaws.us-east-1.dynamodb"},
      {"Cidrs":["203.0.113.0/25"],"PrefixListId":"pl-63a5400a","PrefixListName":"com.amazonaws.us-east-1.s3"}]})"));
  const Json s3{{"PrefixListIds", {"pl-63a5400a"}}};
  EXPECT_EQ(world.ask("DescribePrefixLists", s3)["PrefixLists"].size(), 1U);
  EXPECT_EQ(world.ask("DescribeManagedPrefixLists", s3), Json::parse(R"({"PrefixLists":[
      {"PrefixListId":"pl-63a5400a","AddressFamily":"IPv4","State":"create-complete",
       "PrefixListArn":"arn:aws:ec2:us-east-1:aws:prefix-list/pl-63a5400a",
       "PrefixListName":"com.amazonaws.us-east-1.s3","Tags":[],"OwnerId":"AWS"}]})"));
  EXPECT_EQ(world
                .ask_text("DescribePrefixLists",
                          R"({"Filters":[{"Name":"prefix-list-name","Values":["*.s3"]}]})")["PrefixLists"]
                .size(),
            1U);
  EXPECT_EQ(world.code("DescribePrefixLists", {{"PrefixListIds", {"pl-12345678"}}}),
            "InvalidPrefixListID.NotFound");
  EXPECT_EQ(world.code("DescribePrefixLists", {{"PrefixListIds", {"x"}}}), "InvalidPrefixListID.Malformed");
}

TEST_F(Endpoints, RulesOfGroupsNamePrefixLists) {
  const auto group = world.group(vpc, "web");
  const Json permissions = Json::parse(R"([{"IpProtocol":"tcp","FromPort":443,"ToPort":443,"IpRanges":[],
      "Ipv6Ranges":[],"PrefixListIds":[{"PrefixListId":"pl-63a5400a","Description":"S3"}],"UserIdGroupPairs":[]}])");
  const Json request{{"GroupId", group}, {"IpPermissions", permissions}};
  const Json rule = world.ask("AuthorizeSecurityGroupIngress", request)["SecurityGroupRules"][0];
  EXPECT_EQ(rule["PrefixListId"], "pl-63a5400a");
  EXPECT_FALSE(rule.contains("CidrIpv4") || rule.contains("ReferencedGroupInfo"));
  EXPECT_EQ(world.code("AuthorizeSecurityGroupIngress", request), "InvalidPermission.Duplicate");
  const Json by_group{{"GroupIds", {group}}};
  const auto shown = [&] { return world.ask("DescribeSecurityGroups", by_group)["SecurityGroups"][0]; };
  EXPECT_EQ(shown()["IpPermissions"], permissions);
  // What Describe shows is what Revoke takes.
  world.ask("RevokeSecurityGroupIngress", {{"GroupId", group}, {"IpPermissions", shown()["IpPermissions"]}});
  EXPECT_EQ(shown()["IpPermissions"], Json::array());
  EXPECT_EQ(world.code("RevokeSecurityGroupIngress", request), "InvalidPermission.NotFound");
  for (const auto& [id, code] : {std::pair{"pl-12345678", "InvalidPrefixListID.NotFound"},
                                 std::pair{"sg-12345678", "InvalidPrefixListID.Malformed"}}) {
    Json other = request;
    other["IpPermissions"][0]["PrefixListIds"][0]["PrefixListId"] = id;
    EXPECT_EQ(world.code("AuthorizeSecurityGroupEgress", other), code);
  }
}

TEST_F(Endpoints, Services) {
  const auto all = world.ask("DescribeVpcEndpointServices", Json::object());
  EXPECT_EQ(all["ServiceNames"],
            Json::parse("[\"com.amazonaws.us-east-1.dynamodb\",\"com.amazonaws.us-east-1.s3\"]"));
  EXPECT_EQ(all["ServiceDetails"][1]["ServiceType"], Json::parse(R"([{"ServiceType":"Gateway"}])"));
  const auto one = world.ask("DescribeVpcEndpointServices", {{"ServiceNames", {kS3}}});
  EXPECT_EQ(one["ServiceNames"], Json::array({kS3}));
  EXPECT_EQ(world.code("DescribeVpcEndpointServices", {{"ServiceNames", {"s3"}}}), "InvalidServiceName");
}

TEST_F(Endpoints, LifeOfOne) {
  const std::string policy =
      R"({"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}})";
  Json parameters{{"VpcId", vpc}, {"ServiceName", kS3}, {"RouteTableIds", {table}}, {"ClientToken", "t"}};
  const auto made = world.ask("CreateVpcEndpoint", parameters);
  EXPECT_EQ(world.ask("CreateVpcEndpoint", parameters), made);
  EXPECT_EQ(made["ClientToken"], "t");
  const std::string id = made["VpcEndpoint"]["VpcEndpointId"];
  const auto row = [&] {
    return world.ask("DescribeVpcEndpoints", {{"VpcEndpointIds", {id}}})["VpcEndpoints"][0];
  };
  EXPECT_EQ(row(), made["VpcEndpoint"]);
  EXPECT_EQ(row()["State"], "available");
  EXPECT_EQ(row()["VpcEndpointType"], "Gateway");
  EXPECT_EQ(row()["RouteTableIds"], Json::array({table}));
  EXPECT_EQ(Json::parse(row()["PolicyDocument"].get<std::string>())["Statement"][0]["Effect"], "Allow");
  EXPECT_EQ(world.ask("ModifyVpcEndpoint", {{"VpcEndpointId", id}, {"PolicyDocument", policy}}),
            Json::parse(R"({"Return":true})"));
  EXPECT_EQ(row()["PolicyDocument"], policy);
  world.ask("ModifyVpcEndpoint", {{"VpcEndpointId", id}, {"RemoveRouteTableIds", {table}}});
  EXPECT_EQ(row()["RouteTableIds"], Json::array());
  EXPECT_EQ(row()["PolicyDocument"], policy);
  world.ask("ModifyVpcEndpoint", {{"VpcEndpointId", id}, {"ResetPolicy", true}});
  EXPECT_EQ(row()["PolicyDocument"], made["VpcEndpoint"]["PolicyDocument"]);
  const auto deleted = world.ask("DeleteVpcEndpoints", {{"VpcEndpointIds", {"vpce-12345678", id, "x"}}});
  EXPECT_EQ(deleted["Unsuccessful"].size(), 2U);
  EXPECT_EQ(deleted["Unsuccessful"][0]["ResourceId"], "vpce-12345678");
  EXPECT_EQ(deleted["Unsuccessful"][0]["Error"]["Code"], "InvalidVpcEndpoint.NotFound");
  EXPECT_EQ(world.code("DescribeVpcEndpoints", {{"VpcEndpointIds", {id}}}), "InvalidVpcEndpointId.NotFound");
}

TEST_F(Endpoints, Errors) {
  const Json good{{"VpcId", vpc}, {"ServiceName", kS3}};
  const auto with = [&](const char* member, const Json& value) {
    Json parameters = good;
    parameters[member] = value;
    return world.code("CreateVpcEndpoint", parameters);
  };
  EXPECT_EQ(with("ServiceName", "com.amazonaws.us-east-1.sqs"), "InvalidServiceName");
  EXPECT_EQ(with("VpcEndpointType", "Interface"), "InvalidParameter");
  EXPECT_EQ(with("VpcEndpointType", "Gate"), "InvalidVpcEndpointType");
  EXPECT_EQ(with("PolicyDocument", "{"), "InvalidPolicyDocument");
  EXPECT_EQ(with("PolicyDocument", std::string(20481, ' ')), "InvalidPolicyDocument");
  EXPECT_EQ(with("SubnetIds", {subnet}), "InvalidParameterValue");
  create();
  EXPECT_EQ(with("RouteTableIds", {table}), "RouteAlreadyExists");
  EXPECT_EQ(world.code("ModifyVpcEndpoint", {{"VpcEndpointId", "x"}}), "InvalidVpcEndpointId.Malformed");
  EXPECT_EQ(world.code("ModifyVpcEndpoint",
                       {{"VpcEndpointId", "vpce-12345678"}, {"ResetPolicy", true}, {"PolicyDocument", "{}"}}),
            "InvalidPolicyDocument");
}

}  // namespace
}  // namespace caisson::netd::api
