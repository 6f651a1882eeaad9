#include "tests/unit/vpc/apply/world.hh"
#include "vpc/model/quotas.hh"

namespace caisson::vpc {
namespace {

class RouteTables : public testing::Test {
 protected:
  RouteTableId table_of(const VpcId& of, const char* token = "") {
    return *RouteTableId::parse(world.id(CreateRouteTable{of, {}, token}));
  }
  RouteTableAssociationId associate(const RouteTableId& own, const SubnetId& of) {
    return *RouteTableAssociationId::parse(world.id(AssociateRouteTable{own, of}));
  }
  const Vpc& row(const VpcId& id) { return *find(world.state.vpcs, id); }
  const RouteTable& row(const RouteTableId& id) { return *find(world.state.route_tables, id); }
  const Subnet& row(const SubnetId& id) { return *find(world.state.subnets, id); }

  World world;
  VpcId vpc = world.vpc();
  SubnetId subnet = world.subnet(vpc);
  NetworkInterfaceId interface = world.interface(subnet);
  RouteTableId table = table_of(vpc);
};

TEST_F(RouteTables, AreMadeWithTheLocalRoute) {
  EXPECT_EQ(row(table).routes, (std::vector<Route>{{block("10.0.0.0/16"), RouteTarget::kLocal}}));
  EXPECT_EQ(world.code(CreateRouteTable{*VpcId::parse("vpc-12345678"), {}, ""}), "InvalidVpcID.NotFound");
  world.state.quotas.route_tables_per_vpc = 2;
  EXPECT_EQ(world.code(CreateRouteTable{vpc, {}, ""}), "RouteTableLimitExceeded");
}

TEST_F(RouteTables, OfOneClientTokenAreOne) {
  const auto made = table_of(vpc, "t");
  EXPECT_EQ(table_of(vpc, "t"), made);
  EXPECT_EQ(world.code(CreateRouteTable{world.vpc(), {}, "t"}), "IdempotentParameterMismatch");
  EXPECT_EQ(world.code(DeleteRouteTable{made}), "");
  EXPECT_NE(table_of(vpc, "t"), made);
}

TEST_F(RouteTables, AreDeletedWhenNothingUsesThem) {
  const auto association = associate(table, subnet);
  EXPECT_EQ(world.code(DeleteRouteTable{table}), "DependencyViolation");
  EXPECT_EQ(world.code(DeleteRouteTable{row(vpc).main_route_table}), "DependencyViolation");
  EXPECT_EQ(world.code(DisassociateRouteTable{association}), "");
  EXPECT_EQ(world.code(DeleteRouteTable{table}), "");
  EXPECT_EQ(world.code(DeleteRouteTable{table}), "InvalidRouteTableID.NotFound");
}

TEST_F(RouteTables, BelongToSubnetsOneEach) {
  const auto association = associate(table, subnet);
  EXPECT_EQ(world.last().touched, std::set{vpc});
  EXPECT_EQ(row(subnet).route_table, (RouteTableAssociation{association, table}));
  EXPECT_EQ(world.code(AssociateRouteTable{table, subnet}), "Resource.AlreadyAssociated");
  const auto foreign = table_of(world.vpc());
  EXPECT_EQ(world.code(AssociateRouteTable{foreign, subnet}), "InvalidParameterValue");
  EXPECT_EQ(world.code(ReplaceRouteTableAssociation{association, foreign}), "InvalidParameterValue");

  const auto other = table_of(vpc);
  const auto replaced = world.id(ReplaceRouteTableAssociation{association, other});
  EXPECT_NE(replaced, association.text());
  EXPECT_EQ(row(subnet).route_table->table, other);
  EXPECT_EQ(world.code(DisassociateRouteTable{association}), "InvalidAssociationID.NotFound");
  EXPECT_EQ(world.code(DisassociateRouteTable{*RouteTableAssociationId::parse(replaced)}), "");
  EXPECT_EQ(row(subnet).route_table, std::nullopt);
}

TEST_F(RouteTables, OneOfThemIsTheMainOne) {
  const auto main = row(vpc).main_route_table;
  EXPECT_EQ(world.code(DisassociateRouteTable{main_association(main)}), "InvalidParameterValue");
  EXPECT_EQ(world.id(ReplaceRouteTableAssociation{main_association(main), table}),
            main_association(table).text());
  EXPECT_EQ(row(vpc).main_route_table, table);
  EXPECT_EQ(world.code(ReplaceRouteTableAssociation{main_association(main), table}),
            "InvalidAssociationID.NotFound");
  EXPECT_EQ(world.code(DeleteRouteTable{main}), "");
  EXPECT_EQ(world.code(DeleteRouteTable{table}), "DependencyViolation");
}

TEST_F(RouteTables, TakeEachDestinationOnce) {
  EXPECT_EQ(world.code(CreateRoute{table, block("192.0.2.0/24"), interface}), "");
  EXPECT_EQ(world.last().touched, std::set{vpc});
  EXPECT_EQ(row(table).routes.at(1), (Route{block("192.0.2.0/24"), RouteTarget::kInterface, interface}));
  EXPECT_EQ(world.code(CreateRoute{table, block("192.0.2.0/24"), interface}), "RouteAlreadyExists");
  EXPECT_EQ(world.code(CreateRoute{table, block("10.0.0.0/16"), interface}), "RouteAlreadyExists");
  world.state.quotas.routes_per_table = 2;
  EXPECT_EQ(world.code(CreateRoute{table, block("192.0.2.0/25"), interface}), "RouteLimitExceeded");
}

TEST_F(RouteTables, RefuseDestinationsAndTargets) {
  const struct {
    const char* cidr;
    const char* code;
  } cases[] = {{"169.254.168.0/22", "InvalidParameterValue"},
               {"169.254.169.253/32", "InvalidParameterValue"},
               {"169.254.0.0/16", ""},
               {"10.0.1.0/25", "InvalidParameterValue"},
               {"10.0.2.0/24", "InvalidParameterValue"},
               {"10.0.1.0/24", ""},
               {"10.0.0.0/8", ""},
               {"0.0.0.0/0", ""}};
  for (const auto& c : cases)
    EXPECT_EQ(world.code(CreateRoute{table, block(c.cidr), interface}), c.code) << c.cidr;
  const auto gone = *NetworkInterfaceId::parse("eni-12345678");
  EXPECT_EQ(world.code(CreateRoute{table, block("192.0.2.0/24"), gone}),
            "InvalidNetworkInterfaceID.NotFound");
  const auto foreign = world.interface(world.subnet(world.vpc()));
  EXPECT_EQ(world.code(CreateRoute{table, block("192.0.2.0/24"), foreign}), "InvalidParameterValue");
}

TEST_F(RouteTables, ReplaceAndDeleteRoutes) {
  const auto local = block("10.0.0.0/16");
  EXPECT_EQ(world.code(ReplaceRoute{table, block("192.0.2.0/24"), interface}), "InvalidParameterValue");
  EXPECT_EQ(world.code(DeleteRoute{table, block("192.0.2.0/24")}), "InvalidRoute.NotFound");
  EXPECT_EQ(world.code(DeleteRoute{table, local}), "InvalidParameterValue");
  EXPECT_EQ(world.code(ReplaceRoute{table, local, interface}), "");
  EXPECT_EQ(row(table).routes.at(0).target, RouteTarget::kInterface);
  EXPECT_EQ(world.code(DeleteRoute{table, local}), "InvalidParameterValue");
  EXPECT_EQ(world.code(ReplaceRoute{table, local, std::nullopt}), "");
  EXPECT_EQ(row(table).routes, (std::vector<Route>{{local, RouteTarget::kLocal}}));
  EXPECT_EQ(world.code(CreateRoute{table, block("192.0.2.0/24"), interface}), "");
  EXPECT_EQ(world.code(ReplaceRoute{table, block("192.0.2.0/24"), std::nullopt}), "InvalidParameterValue");
  EXPECT_EQ(world.code(DeleteRoute{table, block("192.0.2.0/24")}), "");
  EXPECT_EQ(row(table).routes.size(), 1U);
}

TEST_F(RouteTables, KeepTheVpcAndAreNoOtherAccounts) {
  const auto association = associate(table, subnet);
  EXPECT_EQ(world.code(DeleteNetworkInterface{interface}), "");
  world.account = {"000000000002"};
  EXPECT_EQ(world.code(DeleteRouteTable{table}), "InvalidRouteTableID.NotFound");
  EXPECT_EQ(world.code(CreateRoute{table, block("192.0.2.0/24"), interface}), "InvalidRouteTableID.NotFound");
  EXPECT_EQ(world.code(DisassociateRouteTable{association}), "InvalidAssociationID.NotFound");
  EXPECT_EQ(world.code(DisassociateRouteTable{main_association(row(vpc).main_route_table)}),
            "InvalidAssociationID.NotFound");
  world.account = {"000000000001"};
  EXPECT_EQ(world.code(DeleteSubnet{subnet}), "");
  EXPECT_EQ(world.code(DeleteVpc{vpc}), "DependencyViolation");
  EXPECT_EQ(world.code(DeleteRouteTable{table}), "");
  EXPECT_EQ(world.code(DeleteVpc{vpc}), "");
}

}  // namespace
}  // namespace caisson::vpc
