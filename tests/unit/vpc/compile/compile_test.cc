#include "vpc/compile/compile.hh"

#include <gmock/gmock.h>

#include "tests/unit/vpc/apply/world.hh"

namespace caisson::vpc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

void attach(World& world, const NetworkInterfaceId& interface, const char* netns = "db") {
  EXPECT_EQ(world.code(AttachNetworkInterface{interface, netns, 0}), "");
}

TEST(Names, FitTheKernels15Characters) {
  EXPECT_EQ(bridge_name(*SubnetId::parse("subnet-0123456789abcdef0")), "br-789abcdef0");
  EXPECT_EQ(member_port_name(5), "cm00000005");
  EXPECT_EQ(member_port_name(0x0fffffff), "cm0fffffff");
}

TEST(Compile, OfNothingIsNothing) {
  EXPECT_EQ(compile(State{}), DesiredState{});
}

TEST(Compile, MakesABridgePerSubnetAndItsLocalRoute) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto other = world.subnet(vpc, "10.0.2.0/24");
  const auto desired = compile(world.state);
  EXPECT_THAT(desired.bridges, SizeIs(2));
  EXPECT_EQ(desired.bridges.at(bridge_name(subnet)).subnet, subnet);
  const std::map<RouteKey, DesiredRoute> routes{
      {{find(world.state.subnets, subnet)->number, block("10.0.0.0/16")}, {RouteTarget::kLocal}},
      {{find(world.state.subnets, other)->number, block("10.0.0.0/16")}, {RouteTarget::kLocal}}};
  EXPECT_EQ(desired.routes, routes);
}

TEST(Compile, LeavesOutADetachedInterface) {
  World world;
  const auto subnet = world.subnet(world.vpc());
  const auto interface = world.interface(subnet);
  EXPECT_THAT(compile(world.state).enis, IsEmpty());
  attach(world, interface);
  EXPECT_THAT(compile(world.state).enis, SizeIs(1));
  const auto attachment = find(world.state.network_interfaces, interface)->attachment->id;
  EXPECT_EQ(world.code(DetachNetworkInterface{attachment, false}), "");
  EXPECT_THAT(compile(world.state).enis, IsEmpty());
  EXPECT_THAT(compile(world.state).members, IsEmpty());
}

TEST(Compile, DescribesAMember) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto interface = world.interface(subnet);
  attach(world, interface);
  const auto& model = *find(world.state.network_interfaces, interface);
  const auto port = member_port_name(model.number);
  const auto desired = compile(world.state);
  EXPECT_EQ(desired.members.at(port), (DesiredMember{.interface = interface,
                                                     .netns = "db",
                                                     .bridge = bridge_name(subnet),
                                                     .mac = model.mac,
                                                     .address = address("10.0.1.4"),
                                                     .prefix_length = 24,
                                                     .router = address("10.0.1.1")}));
  const EniKey key{find(world.state.vpcs, vpc)->number, address("10.0.1.4")};
  EXPECT_EQ(desired.enis.at(key),
            (DesiredEni{.id = interface,
                        .account = model.account,
                        .number = model.number,
                        .subnet = find(world.state.subnets, subnet)->number,
                        .group_set = group_set_numbers(world.state, vpc).at(model.groups),
                        .port = port,
                        .bridge = bridge_name(subnet),
                        .mac = model.mac}));
}

TEST(Compile, GivesAFunctionInterfaceNoPort) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  world.id(EnsureFunctionInterface{"f#1", {subnet}, {world.group(vpc)}});
  const auto desired = compile(world.state);
  ASSERT_THAT(desired.enis, SizeIs(1));
  EXPECT_EQ(desired.enis.begin()->second.port, "");
  EXPECT_THAT(desired.members, IsEmpty());
}

TEST(Compile, OfEqualAddressesInTwoVpcsKeepsThemApart) {
  World world;
  for (const auto* netns : {"one", "other"})
    attach(world, world.interface(world.subnet(world.vpc())), netns);
  const auto desired = compile(world.state);
  EXPECT_THAT(desired.enis, SizeIs(2));
  EXPECT_THAT(desired.policies, SizeIs(2));
  EXPECT_EQ(desired.enis.begin()->first.address, desired.enis.rbegin()->first.address);
}

TEST(Compile, OfTheManagedSegmentLeadsOutAndNowhereElse) {
  World world;
  world.id(EnsureFunctionInterface{"f#1", {}, {}});
  const auto desired = compile(world.state);
  ASSERT_THAT(desired.routes, SizeIs(1));
  EXPECT_EQ(desired.routes.begin()->first.destination, block("0.0.0.0/0"));
  EXPECT_EQ(desired.routes.begin()->second, DesiredRoute{RouteTarget::kManaged});
  EXPECT_THAT(desired.enis, SizeIs(1));
  ASSERT_THAT(desired.policies, SizeIs(1));
  for (const auto& [key, rule] : desired.policies.begin()->second.rules)
    EXPECT_TRUE(key.egress);
}

TEST(GroupSets, AreNumberedByTheirGroupsAlone) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto a = world.group(vpc, "a");
  const auto b = world.group(vpc, "b");
  const auto first = world.interface(subnet, {a, b});
  const auto sets = [&] { return group_set_numbers(world.state, vpc); };
  const auto key = find(world.state.network_interfaces, first)->groups;
  const auto number = sets().at(key);
  EXPECT_THAT(sets(), SizeIs(1));
  world.interface(subnet, {b, a});
  EXPECT_THAT(sets(), SizeIs(1));
  const auto alone = world.interface(subnet, {a});
  EXPECT_THAT(sets(), SizeIs(2));
  EXPECT_EQ(sets().at(key), number);
  EXPECT_NE(sets().at({a}), number);
  EXPECT_EQ(world.code(DeleteNetworkInterface{alone}), "");
  EXPECT_EQ(sets().at(key), number);
  EXPECT_THAT(group_set_numbers(world.state, world.vpc("10.1.0.0/16")), IsEmpty());
}

}  // namespace
}  // namespace caisson::vpc
