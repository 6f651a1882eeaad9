#include "tests/support/random_commands.hh"
#include "tests/unit/vpc/apply/world.hh"

namespace caisson::vpc {
namespace {

constexpr const char* kS3 = "com.amazonaws.us-east-1.s3";
constexpr const char* kDynamodb = "com.amazonaws.us-east-1.dynamodb";

class VpcEndpoints : public testing::Test {
 protected:
  VpcEndpoints() {
    world.state.services = test::test_services();
    vpc = world.vpc();
    main = find(world.state.vpcs, vpc)->main_route_table;
    table = *RouteTableId::parse(world.id(CreateRouteTable{vpc, {}, ""}));
  }
  VpcEndpointId endpoint(std::vector<RouteTableId> tables, const char* service = kS3,
                         const char* token = "") {
    return *VpcEndpointId::parse(world.id(CreateVpcEndpoint{vpc, service, std::move(tables), "", {}, token}));
  }
  const VpcEndpoint& row(const VpcEndpointId& id) { return *find(world.state.vpc_endpoints, id); }

  World world;
  VpcId vpc;
  RouteTableId main;
  RouteTableId table;
};

TEST_F(VpcEndpoints, LeadTheirTablesToOneServiceEach) {
  const auto id = endpoint({table});
  EXPECT_EQ(world.last().touched, std::set{vpc});
  EXPECT_EQ(row(id).route_tables, std::set{table});
  EXPECT_EQ(row(id).created, "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(world.code(CreateVpcEndpoint{vpc, kS3, {main, table}, "", {}, ""}), "RouteAlreadyExists");
  endpoint({table}, kDynamodb);
  const auto other = endpoint({main});
  EXPECT_EQ(world.code(ModifyVpcEndpoint{other, {table}, {}, {}}), "RouteAlreadyExists");
  EXPECT_EQ(world.code(ModifyVpcEndpoint{id, {}, {table}, {}}), "");
  EXPECT_EQ(world.code(ModifyVpcEndpoint{other, {table}, {}, {}}), "");
  EXPECT_EQ(row(other).route_tables, (std::set{main, table}));
}

TEST_F(VpcEndpoints, Errors) {
  EXPECT_EQ(world.code(CreateVpcEndpoint{vpc, "s3", {}, "", {}, ""}), "InvalidServiceName");
  const auto gone = *RouteTableId::parse("rtb-12345678");
  EXPECT_EQ(world.code(CreateVpcEndpoint{vpc, kS3, {gone}, "", {}, ""}), "InvalidRouteTableID.NotFound");
  const auto foreign = find(world.state.vpcs, world.vpc())->main_route_table;
  EXPECT_EQ(world.code(CreateVpcEndpoint{vpc, kS3, {foreign}, "", {}, ""}), "InvalidParameter");
  const auto id = endpoint({});
  EXPECT_EQ(world.code(ModifyVpcEndpoint{id, {}, {table}, {}}), "InvalidParameter");
  EXPECT_EQ(world.code(ModifyVpcEndpoint{*VpcEndpointId::parse("vpce-12345678"), {}, {}, {}}),
            "InvalidVpcEndpointId.NotFound");
  world.state.quotas.gateway_endpoints_per_vpc = 1;
  EXPECT_EQ(world.code(CreateVpcEndpoint{vpc, kDynamodb, {}, "", {}, ""}), "VpcEndpointLimitExceeded");
}

TEST_F(VpcEndpoints, HaveAPolicyThatGoesAndComesBack) {
  const auto id = endpoint({});
  EXPECT_EQ(world.code(ModifyVpcEndpoint{id, {}, {}, "a policy"}), "");
  EXPECT_EQ(world.code(ModifyVpcEndpoint{id, {table}, {}, std::nullopt}), "");
  EXPECT_EQ(row(id).policy, "a policy");
  EXPECT_EQ(world.code(ModifyVpcEndpoint{id, {}, {}, ""}), "");
  EXPECT_EQ(row(id).policy, "");
}

TEST_F(VpcEndpoints, OfOneClientTokenAreOne) {
  const auto id = endpoint({table}, kS3, "t");
  EXPECT_EQ(endpoint({table}, kS3, "t"), id);
  EXPECT_EQ(world.code(CreateVpcEndpoint{vpc, kS3, {}, "", {}, "t"}), "IdempotentParameterMismatch");
}

TEST_F(VpcEndpoints, KeepTheVpcAndLoseATableThatGoes) {
  const auto id = endpoint({main, table});
  EXPECT_EQ(world.code(DeleteRouteTable{table}), "");
  EXPECT_EQ(row(id).route_tables, std::set{main});
  EXPECT_EQ(world.code(DeleteVpc{vpc}), "DependencyViolation");
  world.account = {"000000000002"};
  EXPECT_EQ(world.code(DeleteVpcEndpoints{{id}}), "");
  EXPECT_TRUE(world.last().ids.empty());
  EXPECT_EQ(world.code(ModifyVpcEndpoint{id, {}, {}, {}}), "InvalidVpcEndpointId.NotFound");
  world.account = {"000000000001"};
  EXPECT_EQ(world.id(DeleteVpcEndpoints{{*VpcEndpointId::parse("vpce-12345678"), id}}), id.text());
  EXPECT_EQ(world.code(DeleteVpc{vpc}), "");
}

}  // namespace
}  // namespace caisson::vpc
