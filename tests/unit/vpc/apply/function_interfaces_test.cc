#include "tests/unit/vpc/apply/world.hh"

namespace caisson::vpc {
namespace {

const NetworkInterface* interface_of(const World& world, const std::string& id) {
  return find(world.state.network_interfaces, *NetworkInterfaceId::parse(id));
}

TEST(EnsureFunctionInterface, IsSharedBySubnetAndGroups) {
  World world;
  const auto vpc = world.vpc();
  const auto one = world.subnet(vpc, "10.0.1.0/24");
  const auto two = world.subnet(vpc, "10.0.2.0/24");
  const auto a = world.group(vpc, "a");
  const auto b = world.group(vpc, "b");
  EXPECT_EQ(world.code(EnsureFunctionInterface{"f#1", {two, one}, {a, b}}), "");
  const auto ids = world.last().ids;
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(interface_of(world, ids[0])->subnet, two);
  EXPECT_EQ(interface_of(world, ids[1])->subnet, one);
  EXPECT_EQ(interface_of(world, ids[0])->description, "AWS Lambda VPC ENI-f");
  EXPECT_EQ(world.last().touched, std::set{vpc});
  EXPECT_EQ(world.id(EnsureFunctionInterface{"g#1", {one}, {b, a, b}}), ids[1]);
  EXPECT_TRUE(world.last().touched.empty());
  EXPECT_EQ(interface_of(world, ids[1])->users, (std::set<std::string>{"f#1", "g#1"}));
  EXPECT_NE(world.id(EnsureFunctionInterface{"g#2", {one}, {a}}), ids[1]);
  EXPECT_EQ(world.code(EnsureFunctionInterface{"f#1", {two, one}, {a, b}}), "");
  EXPECT_EQ(world.last().ids, ids);
  EXPECT_EQ(world.state.network_interfaces.size(), 3U);
}

TEST(EnsureFunctionInterface, ChecksSubnetsAndGroups) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto group = world.group(vpc);
  const auto other = world.vpc();
  const auto other_subnet = world.subnet(other);
  const auto other_group = world.group(other);
  const auto no_subnet = *SubnetId::parse("subnet-00000000000000001");
  const auto no_group = *SecurityGroupId::parse("sg-00000000000000001");
  const struct {
    const char* name;
    EnsureFunctionInterface command;
    const char* code;
  } cases[] = {{"no user", {"", {subnet}, {group}}, "InvalidParameterValue"},
               {"unknown subnet", {"f", {no_subnet}, {group}}, "InvalidSubnetID.NotFound"},
               {"unknown group", {"f", {subnet}, {no_group}}, "InvalidSecurityGroupID.NotFound"},
               {"group of another VPC", {"f", {subnet}, {other_group}}, "InvalidParameter"},
               {"subnets of two VPCs", {"f", {subnet, other_subnet}, {group}}, "InvalidParameter"},
               {"managed with groups", {"f", {}, {group}}, "InvalidParameterValue"},
               {"subnet without groups", {"f", {subnet}, {}}, "InvalidParameterValue"},
               {"too many subnets", {"f", std::vector(17, subnet), {group}}, "InvalidParameterValue"}};
  for (const auto& c : cases)
    EXPECT_EQ(world.code(c.command), c.code) << c.name;
  EXPECT_TRUE(world.state.network_interfaces.empty());
}

TEST(EnsureFunctionInterface, TheManagedSegmentLeadsOnlyOut) {
  World world;
  const auto id = world.id(EnsureFunctionInterface{"f#1", {}, {}});
  const auto* interface = interface_of(world, id);
  const auto* vpc = find(world.state.vpcs, interface->vpc);
  EXPECT_TRUE(vpc->managed);
  EXPECT_EQ(vpc->cidr.text(), "172.31.0.0/16");
  EXPECT_EQ(find(world.state.subnets, interface->subnet)->cidr.text(), "172.31.0.0/20");
  EXPECT_EQ(find(world.state.route_tables, vpc->main_route_table)->routes,
            (std::vector<Route>{{block("0.0.0.0/0"), RouteTarget::kManaged}}));
  ASSERT_EQ(world.state.security_group_rules.size(), 1U);
  EXPECT_TRUE(world.state.security_group_rules.begin()->second->permission.egress);
  EXPECT_EQ(interface->groups, std::vector{vpc->default_security_group});
  EXPECT_EQ(world.id(EnsureFunctionInterface{"g#1", {}, {}}), id);
}

TEST(EnsureFunctionInterface, TheManagedSegmentIsClosedToAllElse) {
  World world;
  const auto id = *NetworkInterfaceId::parse(world.id(EnsureFunctionInterface{"f#1", {}, {}}));
  const auto interface = *find(world.state.network_interfaces, id);
  const auto group = interface.groups.front();
  EXPECT_EQ(world.code(DeleteVpc{interface.vpc}), "InvalidVpcID.NotFound");
  EXPECT_EQ(world.code(CreateSubnet{interface.vpc, block("172.31.16.0/20"), {}, {}}),
            "InvalidVpcID.NotFound");
  EXPECT_EQ(world.code(CreateNetworkInterface{interface.subnet, {}, {}, "", {}, ""}),
            "InvalidSubnetID.NotFound");
  EXPECT_EQ(world.code(AuthorizeSecurityGroup{group, false, {{{.peer = block("0.0.0.0/0")}, ""}}, {}}),
            "InvalidGroup.NotFound");
  EXPECT_EQ(world.code(DeleteNetworkInterface{id}), "InvalidNetworkInterfaceID.NotFound");
  EXPECT_EQ(world.code(CreateTags{{id.text()}, {{"a", "b"}}}), "InvalidID");
  EXPECT_EQ(world.code(EnsureFunctionInterface{"g", {interface.subnet}, {group}}),
            "InvalidSubnetID.NotFound");
}

TEST(EnsureFunctionInterface, EachAccountHasAManagedSegmentOfItsOwn) {
  World world;
  const auto one = world.id(EnsureFunctionInterface{"f#1", {}, {}});
  world.account = {"000000000002"};
  const auto two = world.id(EnsureFunctionInterface{"f#1", {}, {}});
  EXPECT_NE(interface_of(world, one)->vpc, interface_of(world, two)->vpc);
  EXPECT_EQ(world.code(ReleaseFunctionInterface{"f#1"}), "");
  EXPECT_NE(interface_of(world, one), nullptr);
  EXPECT_EQ(interface_of(world, two), nullptr);
}

TEST(EnsureFunctionInterface, IsRequesterManaged) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto group = world.group(vpc);
  const auto id = *NetworkInterfaceId::parse(world.id(EnsureFunctionInterface{"f#1", {subnet}, {group}}));
  EXPECT_EQ(world.code(DeleteNetworkInterface{id}), "OperationNotPermitted");
  EXPECT_EQ(world.code(AttachNetworkInterface{id, "db", 0}), "OperationNotPermitted");
  EXPECT_EQ(world.code(CreateTags{{id.text()}, {{"a", "b"}}}), "");
  EXPECT_EQ(world.code(DeleteSubnet{subnet}), "DependencyViolation");
  EXPECT_EQ(world.code(DeleteSecurityGroup{group}), "DependencyViolation");
}

TEST(ReleaseFunctionInterface, DeletesWhatNobodyUses) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto group = world.group(vpc);
  const auto id = world.id(EnsureFunctionInterface{"f#1", {subnet}, {group}});
  world.id(EnsureFunctionInterface{"g#1", {subnet}, {group}});
  const auto managed = world.id(EnsureFunctionInterface{"h#1", {}, {}});
  EXPECT_EQ(world.code(ReleaseFunctionInterface{"f#1"}), "");
  EXPECT_TRUE(world.last().touched.empty());
  EXPECT_NE(interface_of(world, id), nullptr);
  EXPECT_EQ(world.code(ReleaseFunctionInterface{"g#1"}), "");
  EXPECT_EQ(world.last().touched, std::set{vpc});
  EXPECT_EQ(interface_of(world, id), nullptr);
  EXPECT_EQ(world.code(ReleaseFunctionInterface{"g#1"}), "");
  EXPECT_EQ(world.code(ReleaseFunctionInterface{"h#1"}), "");
  EXPECT_EQ(interface_of(world, managed), nullptr);
  EXPECT_EQ(world.state.managed_subnets.size(), 1U);
}

TEST(EnsureFunctionInterface, KeepsTheQuota) {
  World world;
  world.state.quotas.function_interfaces_per_vpc = 1;
  const auto vpc = world.vpc();
  const auto one = world.subnet(vpc, "10.0.1.0/24");
  const auto two = world.subnet(vpc, "10.0.2.0/24");
  const auto group = world.group(vpc);
  EXPECT_EQ(world.code(EnsureFunctionInterface{"f", {one, two}, {group}}), "NetworkInterfaceLimitExceeded");
  EXPECT_TRUE(world.state.network_interfaces.empty());  // all or nothing
  EXPECT_EQ(world.code(EnsureFunctionInterface{"f", {one}, {group}}), "");
}

TEST(GrowFunctionInterface, AddsTheLowestFreeAddresses) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto group = world.group(vpc);
  const auto text = world.id(EnsureFunctionInterface{"f", {subnet}, {group}});
  const auto id = *NetworkInterfaceId::parse(text);
  EXPECT_EQ(world.code(CreateNetworkInterface{.subnet = subnet, .address = Ipv4Address::parse("10.0.1.5")}),
            "");
  EXPECT_EQ(world.code(GrowFunctionInterface{id, 3}), "");
  EXPECT_EQ(world.last().touched, std::set{vpc});
  const auto* grown = interface_of(world, text);
  EXPECT_EQ(grown->addresses(), (std::vector{*Ipv4Address::parse("10.0.1.4"), *Ipv4Address::parse("10.0.1.6"),
                                             *Ipv4Address::parse("10.0.1.7")}));
  EXPECT_NE(grown->more_addresses[0].number, grown->more_addresses[1].number);
  EXPECT_NE(grown->more_addresses[0].number, grown->number);
  // To what it has already: nothing changes.
  EXPECT_EQ(world.code(GrowFunctionInterface{id, 2}), "");
  EXPECT_TRUE(world.last().touched.empty());
  EXPECT_EQ(interface_of(world, text)->addresses().size(), 3U);
  // No other interface gets them, until it is gone.
  const CreateNetworkInterface taken{.subnet = subnet, .address = Ipv4Address::parse("10.0.1.7")};
  EXPECT_EQ(world.code(taken), "InvalidIPAddress.InUse");
  EXPECT_EQ(world.code(ReleaseFunctionInterface{"f"}), "");
  EXPECT_EQ(world.code(taken), "");
}

TEST(GrowFunctionInterface, IsRefusedWhereItCannotBe) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc, "10.0.1.0/28");  // 11 addresses
  const auto group = world.group(vpc);
  const auto text = world.id(EnsureFunctionInterface{"f", {subnet}, {group}});
  const auto id = *NetworkInterfaceId::parse(text);
  EXPECT_EQ(world.code(GrowFunctionInterface{id, 11}), "");
  EXPECT_EQ(world.code(GrowFunctionInterface{id, 12}), "InsufficientFreeAddressesInSubnet");
  EXPECT_EQ(world.code(GrowFunctionInterface{id, 51}), "PrivateIpAddressLimitExceeded");
  EXPECT_EQ(interface_of(world, text)->addresses().size(), 11U);
  EXPECT_EQ(world.code(GrowFunctionInterface{*NetworkInterfaceId::parse("eni-00000000000000001"), 2}),
            "InvalidNetworkInterfaceID.NotFound");
  const auto other = world.subnet(vpc, "10.0.2.0/24");
  const auto member = *NetworkInterfaceId::parse(world.id(CreateNetworkInterface{.subnet = other}));
  EXPECT_EQ(world.code(GrowFunctionInterface{member, 2}), "InvalidNetworkInterfaceID.NotFound");
}

}  // namespace
}  // namespace caisson::vpc
