#include <algorithm>

#include "tests/unit/vpc/apply/world.hh"

namespace caisson::vpc {
namespace {

TEST(CreateVpc, RangesOfTheBlock) {
  const struct {
    const char* cidr;
    const char* code;
  } cases[] = {{"10.0.0.0/16", ""},
               {"10.0.0.0/28", ""},
               {"100.64.0.0/16", ""},
               {"8.8.0.0/16", ""},
               {"10.0.0.0/15", "InvalidVpc.Range"},
               {"10.0.0.0/29", "InvalidVpc.Range"},
               {"127.0.0.0/16", "InvalidVpc.Range"},
               {"169.254.100.0/24", "InvalidVpc.Range"},
               {"0.0.0.0/16", "InvalidVpc.Range"},
               {"224.0.0.0/16", "InvalidVpc.Range"},
               {"240.1.0.0/16", "InvalidVpc.Range"}};
  for (const auto& c : cases)
    EXPECT_EQ(World().code(CreateVpc{block(c.cidr), {}}), c.code) << c.cidr;
}

TEST(CreateVpc, BringsItsMainTableAclAndGroup) {
  World world;
  const auto id = world.vpc();
  const auto& vpc = *find(world.state.vpcs, id);
  EXPECT_EQ(world.last().touched, std::set{id});
  const auto& table = *find(world.state.route_tables, vpc.main_route_table);
  EXPECT_EQ(table.routes, (std::vector<Route>{{block("10.0.0.0/16"), RouteTarget::kLocal}}));
  const auto& acl = *find(world.state.network_acls, vpc.default_network_acl);
  EXPECT_TRUE(acl.is_default);
  ASSERT_EQ(acl.entries.size(), 2U);
  EXPECT_TRUE(acl.entries[0].allow && acl.entries[1].allow);
  EXPECT_EQ(find(world.state.security_groups, vpc.default_security_group)->name, "default");
  ASSERT_EQ(world.state.security_group_rules.size(), 2U);
  for (const auto& [rule_id, rule] : world.state.security_group_rules) {
    EXPECT_EQ(rule->permission.protocol, kAllProtocols);
    if (rule->permission.egress) {
      EXPECT_EQ(std::get<Ipv4Cidr>(rule->permission.peer).text(), "0.0.0.0/0");
    } else {
      EXPECT_EQ(std::get<SecurityGroupId>(rule->permission.peer), vpc.default_security_group);
    }
  }
}

TEST(CreateVpc, NumbersAreNeverUsedAgain) {
  World world;
  const auto first = world.vpc();
  const auto number = find(world.state.vpcs, first)->number;
  EXPECT_EQ(world.code(DeleteVpc{first}), "");
  EXPECT_GT(find(world.state.vpcs, world.vpc())->number, number);
}

TEST(CreateVpc, KeepsTheQuota) {
  World world;
  world.state.quotas.vpcs = 2;
  world.vpc();
  world.vpc();
  EXPECT_EQ(world.code(CreateVpc{block("10.0.0.0/16"), {}}), "VpcLimitExceeded");
  world.account = {"000000000002"};
  EXPECT_EQ(world.code(CreateVpc{block("10.0.0.0/16"), {}}), "");
}

TEST(Apply, IsAFunctionOfStateAndStamp) {
  const StampedCommand stamped{
      {"000000000001"}, 42, "2026-01-01T00:00:00.000Z", CreateVpc{block("10.0.0.0/16"), {}}};
  const auto one = apply(State{}, stamped).value();
  const auto two = apply(State{}, stamped).value();
  EXPECT_EQ(one.ids, two.ids);
  EXPECT_EQ(*one.state.vpcs.begin()->second, *two.state.vpcs.begin()->second);
  auto other = stamped;
  other.seed = 43;
  EXPECT_NE(apply(State{}, other).value().ids, one.ids);
}

TEST(DeleteVpc, NeedsAnEmptyOne) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  EXPECT_EQ(world.code(DeleteVpc{vpc}), "DependencyViolation");
  EXPECT_EQ(world.code(DeleteSubnet{subnet}), "");
  const auto group = world.group(vpc);
  EXPECT_EQ(world.code(DeleteVpc{vpc}), "DependencyViolation");
  EXPECT_EQ(world.code(DeleteSecurityGroup{group}), "");
  EXPECT_EQ(world.code(DeleteVpc{vpc}), "");
  EXPECT_EQ(world.last().touched, std::set{vpc});
  EXPECT_TRUE(world.state.vpcs.empty() && world.state.route_tables.empty() &&
              world.state.network_acls.empty() && world.state.security_groups.empty() &&
              world.state.security_group_rules.empty());
  EXPECT_EQ(world.code(DeleteVpc{vpc}), "InvalidVpcID.NotFound");
}

TEST(Accounts, DoNotSeeEachOther) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto group = world.group(vpc);
  const auto interface = world.interface(subnet);
  EXPECT_EQ(world.code(AttachNetworkInterface{interface, "db", 0}), "");
  const auto attachment = *AttachmentId::parse(world.last().ids.front());
  const auto rule = world.state.security_group_rules.begin()->first;
  world.account = {"000000000002"};
  EXPECT_EQ(world.code(DeleteVpc{vpc}), "InvalidVpcID.NotFound");
  EXPECT_EQ(world.code(CreateSubnet{vpc, block("10.0.9.0/24"), {}, {}}), "InvalidVpcID.NotFound");
  EXPECT_EQ(world.code(CreateSecurityGroup{vpc, "x", "x", {}}), "InvalidVpcID.NotFound");
  EXPECT_EQ(world.code(DeleteSubnet{subnet}), "InvalidSubnetID.NotFound");
  EXPECT_EQ(world.code(DeleteSecurityGroup{group}), "InvalidGroup.NotFound");
  EXPECT_EQ(world.code(RevokeSecurityGroup{group, false, {rule}, {}}), "InvalidGroup.NotFound");
  EXPECT_EQ(world.code(CreateNetworkInterface{subnet, {}, {}, "", {}, ""}), "InvalidSubnetID.NotFound");
  EXPECT_EQ(world.code(DeleteNetworkInterface{interface}), "InvalidNetworkInterfaceID.NotFound");
  EXPECT_EQ(world.code(AttachNetworkInterface{interface, "db", 1}), "InvalidNetworkInterfaceID.NotFound");
  EXPECT_EQ(world.code(DetachNetworkInterface{attachment, true}), "InvalidAttachmentID.NotFound");
  EXPECT_EQ(world.code(CreateTags{{vpc.text()}, {{"a", "b"}}}), "InvalidID");
  EXPECT_EQ(world.code(EnsureFunctionInterface{"f", {subnet}, {group}}), "InvalidSubnetID.NotFound");
}

}  // namespace
}  // namespace caisson::vpc
