#include "vpc/decide/decide.hh"

#include "tests/support/random_commands.hh"
#include "tests/unit/vpc/apply/world.hh"

namespace caisson::vpc {
namespace {

struct Firewall {
  World world;
  VpcId vpc = world.vpc();
  SubnetId subnet = world.subnet(vpc);
  SecurityGroupId group = world.group(vpc, "g");
  NetworkInterfaceId interface = world.interface(subnet, {group});

  std::string allow(const Permission& permission) {
    return world.id(AuthorizeSecurityGroup{group, permission.egress, {{permission, ""}}, {}});
  }
  [[nodiscard]] std::string decides(const Packet& packet, bool egress = false) const {
    const auto* rule =
        deciding_rule(world.state, *find(world.state.network_interfaces, interface), egress, packet);
    return rule == nullptr ? "" : rule->id.text();
  }
};

TEST(DecidingRule, MatchesProtocolPortAndPeer) {
  const struct {
    const char* name;
    Permission permission;
    const char* peer;
    int protocol;
    int port;
    bool admitted;
  } cases[] = {
      {"first port", {false, kTcp, 80, 90, block("10.0.0.0/8")}, "10.0.1.9", kTcp, 80, true},
      {"last port", {false, kTcp, 80, 90, block("10.0.0.0/8")}, "10.0.1.9", kTcp, 90, true},
      {"below", {false, kTcp, 80, 90, block("10.0.0.0/8")}, "10.0.1.9", kTcp, 79, false},
      {"above", {false, kTcp, 80, 90, block("10.0.0.0/8")}, "10.0.1.9", kTcp, 91, false},
      {"other protocol", {false, kTcp, 80, 90, block("10.0.0.0/8")}, "10.0.1.9", kUdp, 80, false},
      {"other peer", {false, kTcp, 80, 90, block("10.0.0.0/8")}, "11.0.1.9", kTcp, 80, false},
      {"all ports", {false, kUdp, 0, 65535, block("0.0.0.0/0")}, "8.8.8.8", kUdp, 65535, true},
      {"all protocols", {false, kAllProtocols, -1, -1, block("0.0.0.0/0")}, "8.8.8.8", 47, 0, true},
      {"a number", {false, 47, -1, -1, block("0.0.0.0/0")}, "8.8.8.8", 47, 0, true},
      {"another number", {false, 47, -1, -1, block("0.0.0.0/0")}, "8.8.8.8", 50, 0, false},
      {"the last number", {false, 255, -1, -1, block("0.0.0.0/0")}, "8.8.8.8", 254, 0, false},
      {"type, any code", {false, kIcmp, 8, -1, block("0.0.0.0/0")}, "8.8.8.8", kIcmp, 8 << 8 | 9, true},
      {"another type", {false, kIcmp, 8, -1, block("0.0.0.0/0")}, "8.8.8.8", kIcmp, 0, false},
      {"another code", {false, kIcmp, 3, 4, block("0.0.0.0/0")}, "8.8.8.8", kIcmp, 3 << 8, false},
  };
  for (const auto& c : cases) {
    Firewall firewall;
    const auto rule = firewall.allow(c.permission);
    EXPECT_EQ(firewall.decides({address(c.peer), c.protocol, c.port}), c.admitted ? rule : "") << c.name;
  }
}

TEST(DecidingRule, APrefixListIsItsServicesBlocks) {
  Firewall firewall;
  firewall.world.state.services = test::test_services();
  const auto list = firewall.world.state.services.at(1).prefix_list;
  const auto rule = firewall.allow({false, kTcp, 443, 443, list});
  EXPECT_EQ(firewall.decides({address("203.0.113.127"), kTcp, 443}), rule);
  EXPECT_EQ(firewall.decides({address("203.0.113.128"), kTcp, 443}), "") << "another service's";
  EXPECT_EQ(firewall.decides({address("203.0.113.127"), kTcp, 80}), "");
}

TEST(DecidingRule, IsTheOneWithTheLowestId) {
  Firewall firewall;
  const auto one = firewall.allow({false, kTcp, 80, 80, block("10.0.0.0/8")});
  const auto two = firewall.allow({false, kTcp, 1, 1024, block("10.0.1.0/24")});
  EXPECT_EQ(firewall.decides({address("10.0.1.9"), kTcp, 80}), std::min(one, two));
  EXPECT_EQ(firewall.decides({address("10.0.1.9"), kTcp, 81}), two);
}

TEST(DecidingRule, PutsTheDirectionsApart) {
  Firewall firewall;
  EXPECT_EQ(firewall.decides({address("10.0.1.9"), kTcp, 80}), "");
  EXPECT_NE(firewall.decides({address("10.0.1.9"), kTcp, 80}, true), "") << "EC2's default: all egress";
}

TEST(DecidingRule, KnowsTheMembersOfAReferencedGroupOfTheSameVpcAlone) {
  Firewall firewall;
  auto& world = firewall.world;
  const auto clients = world.group(firewall.vpc, "clients");
  const auto rule = firewall.allow({false, kTcp, 80, 80, clients});
  const Packet packet{address("10.0.1.5"), kTcp, 80};
  const auto other = world.vpc();
  const auto far = world.subnet(other);
  world.interface(far);  // 10.0.1.4
  world.interface(far);  // 10.0.1.5
  EXPECT_EQ(firewall.decides(packet), "");
  const auto client = world.interface(firewall.subnet, {clients});  // 10.0.1.5
  EXPECT_EQ(firewall.decides(packet), rule);
  EXPECT_EQ(world.code(DeleteNetworkInterface{client}), "");
  EXPECT_EQ(firewall.decides(packet), "");
}

TEST(DecideRoute, GoesByTheLongestPrefix) {
  Firewall firewall;
  const auto& state = firewall.world.state;
  EXPECT_EQ(decide_route(state, firewall.subnet, address("10.0.200.1")), RouteTarget::kLocal);
  EXPECT_EQ(decide_route(state, firewall.subnet, address("10.1.0.1")), std::nullopt);
  EXPECT_EQ(decide_route(state, *SubnetId::parse("subnet-0123456789abcdef0"), address("10.0.1.1")),
            std::nullopt);

  State changed = state;
  const auto id = find(state.vpcs, firewall.vpc)->main_route_table;
  RouteTable table = *find(state.route_tables, id);
  table.routes.push_back({block("0.0.0.0/0"), RouteTarget::kManaged});
  table.routes.insert(table.routes.begin(), {block("10.0.200.0/24"), RouteTarget::kManaged});
  changed.route_tables.insert_or_assign(id, std::make_shared<const RouteTable>(table));
  EXPECT_EQ(decide_route(changed, firewall.subnet, address("8.8.8.8")), RouteTarget::kManaged);
  EXPECT_EQ(decide_route(changed, firewall.subnet, address("10.0.1.1")), RouteTarget::kLocal);
  EXPECT_EQ(decide_route(changed, firewall.subnet, address("10.0.200.1")), RouteTarget::kManaged);
}

TEST(DecideRoute, OfTheManagedSegmentLeadsOut) {
  World world;
  world.id(EnsureFunctionInterface{"f#1", {}, {}});
  const auto subnet = world.state.managed_subnets.at(world.account);
  EXPECT_EQ(decide_route(world.state, subnet, address("8.8.8.8")), RouteTarget::kManaged);
  EXPECT_EQ(decide_route(world.state, subnet, address("172.31.0.4")), RouteTarget::kManaged);
}

/// Two members: the one whose groups are looked at, and its peer at 10.0.1.5.
struct Pair : Firewall {
  Pair() {
    const auto peer = world.interface(subnet);
    EXPECT_EQ(world.code(AttachNetworkInterface{interface, "self", 0}), "");
    EXPECT_EQ(world.code(AttachNetworkInterface{peer, "peer", 0}), "");
  }
  [[nodiscard]] bool begins(const Packet& packet, bool egress = false) const {
    return begins_tracked_flow(world.state, *find(world.state.network_interfaces, interface), egress, packet);
  }
};

TEST(BeginsTrackedFlow, NotIfItsRuleAndAllAnswersAreForEverybody) {
  for (const int protocol : {kTcp, kUdp}) {
    Pair pair;
    const Packet question{address("10.0.1.5"), protocol, 80, 40000};
    EXPECT_TRUE(pair.begins(question)) << "no rule for everybody";
    pair.allow({false, protocol, 80, 80, block("0.0.0.0/0")});
    EXPECT_FALSE(pair.begins(question));
    EXPECT_TRUE(pair.begins({address("10.0.1.5"), protocol, 81, 40000}));
    EXPECT_TRUE(pair.begins({address("10.0.1.6"), protocol, 80, 40000})) << "nobody is there";
    EXPECT_TRUE(pair.begins({address("10.0.1.5"), kIcmp, 80}));
    EXPECT_TRUE(pair.begins({address("10.0.1.5"), 47}));
    // From the port that is open: an answer, if it does not begin a connection.
    EXPECT_EQ(pair.begins({address("10.0.1.5"), protocol, 40000, 80}, true), protocol == kTcp);
    EXPECT_TRUE(pair.begins({address("10.0.1.5"), protocol, 40000, 81}, true));
    const Permission all{true, kAllProtocols, -1, -1, block("0.0.0.0/0")};
    EXPECT_EQ(pair.world.code(RevokeSecurityGroup{pair.group, true, {}, {all}}), "");
    EXPECT_TRUE(pair.begins(question));
  }
}

TEST(BeginsTrackedFlow, OfTcpOnlyWhatBeginsAConnection) {
  Pair pair;
  EXPECT_TRUE(pair.begins({address("10.0.1.5"), kTcp, 80, 40000, true}));
  EXPECT_FALSE(pair.begins({address("10.0.1.5"), kTcp, 80, 40000, false}));
  EXPECT_TRUE(pair.begins({address("10.0.1.6"), kTcp, 80, 40000, false})) << "through the stack";
}

TEST(BeginsTrackedFlow, WithAFunctionAlways) {
  Pair pair;
  auto& world = pair.world;
  pair.allow({false, kAllProtocols, -1, -1, block("0.0.0.0/0")});
  EXPECT_FALSE(pair.begins({address("10.0.1.5"), kTcp, 80}));
  const auto function = world.id(EnsureFunctionInterface{"f#1", {pair.subnet}, {pair.group}});
  const auto& interface = *find(world.state.network_interfaces, *NetworkInterfaceId::parse(function));
  EXPECT_TRUE(pair.begins({interface.address, kTcp, 80}));
  EXPECT_TRUE(begins_tracked_flow(world.state, interface, true, {address("10.0.1.5"), kTcp, 80}));
}

TEST(DecideRoute, GoesByTheSubnetsOwnTable) {
  Firewall firewall;
  auto& world = firewall.world;
  const auto interface = world.interface(firewall.subnet);
  const auto table = *RouteTableId::parse(world.id(CreateRouteTable{firewall.vpc, {}, ""}));
  EXPECT_EQ(world.code(CreateRoute{table, block("192.0.2.0/24"), interface}), "");
  EXPECT_EQ(decide_route(world.state, firewall.subnet, address("192.0.2.1")), std::nullopt);
  EXPECT_EQ(world.code(AssociateRouteTable{table, firewall.subnet}), "");
  EXPECT_EQ(decide_route(world.state, firewall.subnet, address("192.0.2.1")), RouteTarget::kInterface);
}

TEST(DecideWay, ToAServiceIsItsEndpoint) {
  Firewall firewall;
  auto& world = firewall.world;
  world.state.services = test::test_services();
  const auto s3 = address("203.0.113.10");
  EXPECT_EQ(decide_way(world.state, firewall.subnet, s3), std::nullopt);
  const auto main = find(world.state.vpcs, firewall.vpc)->main_route_table;
  const auto id = world.id(CreateVpcEndpoint{firewall.vpc, "com.amazonaws.us-east-1.s3", {main}, "", {}, ""});
  EXPECT_EQ(decide_way(world.state, firewall.subnet, s3), (Way{RouteTarget::kEndpoint, id}));
  EXPECT_EQ(decide_way(world.state, firewall.subnet, address("203.0.113.128")), std::nullopt);
  const auto interface = world.interface(firewall.subnet);
  EXPECT_EQ(world.code(CreateRoute{main, block("0.0.0.0/0"), interface}), "");
  EXPECT_EQ(decide_way(world.state, firewall.subnet, s3), (Way{RouteTarget::kEndpoint, id}));
  EXPECT_EQ(world.code(CreateRoute{main, block("203.0.113.0/25"), interface}), "");
  EXPECT_EQ(decide_way(world.state, firewall.subnet, s3), (Way{RouteTarget::kInterface, ""}));
}

TEST(DecideWay, OfTheManagedSegmentLeadsToAllServices) {
  World world;
  world.state.services = test::test_services();
  world.id(EnsureFunctionInterface{"f#1", {}, {}});
  const auto subnet = world.state.managed_subnets.at(world.account);
  for (const char* service : {"203.0.113.1", "203.0.113.129"})
    EXPECT_EQ(decide_route(world.state, subnet, address(service)), RouteTarget::kEndpoint);
  EXPECT_EQ(decide_route(world.state, subnet, address("203.0.112.1")), RouteTarget::kManaged);
}

TEST(DecideService, IsWhatTheSubnetHasAWayTo) {
  Firewall firewall;
  auto& world = firewall.world;
  world.state.services = test::test_services();
  const auto s3 = address("203.0.113.10");
  EXPECT_EQ(decide_service(world.state, firewall.subnet, s3), std::nullopt);
  const auto main = find(world.state.vpcs, firewall.vpc)->main_route_table;
  const std::string name = "com.amazonaws.us-east-1.s3";
  const auto id = world.id(CreateVpcEndpoint{firewall.vpc, name, {main}, "", {}, ""});
  EXPECT_EQ(decide_service(world.state, firewall.subnet, s3), (ServiceWay{name, id}));
  for (const char* other : {"203.0.113.128", "203.0.112.1", "10.0.0.5"})
    EXPECT_EQ(decide_service(world.state, firewall.subnet, address(other)), std::nullopt) << other;
  const auto interface = world.interface(firewall.subnet);
  EXPECT_EQ(world.code(CreateRoute{main, block("203.0.113.0/25"), interface}), "");
  EXPECT_EQ(decide_service(world.state, firewall.subnet, s3), std::nullopt) << "it is not the endpoint's";
}

TEST(DecideService, OfTheManagedSegmentHasNoEndpoint) {
  World world;
  world.state.services = test::test_services();
  world.id(EnsureFunctionInterface{"f#1", {}, {}});
  const auto subnet = world.state.managed_subnets.at(world.account);
  EXPECT_EQ(decide_service(world.state, subnet, address("203.0.113.1")),
            (ServiceWay{"com.amazonaws.us-east-1.s3", ""}));
  EXPECT_EQ(decide_service(world.state, subnet, address("203.0.113.129")),
            (ServiceWay{"com.amazonaws.us-east-1.dynamodb", ""}));
  EXPECT_EQ(decide_service(world.state, subnet, address("198.51.100.1")), std::nullopt);
}

}  // namespace
}  // namespace caisson::vpc
