#include <algorithm>

#include "tests/support/random_commands.hh"
#include "tests/unit/vpc/apply/world.hh"

namespace caisson::vpc {
namespace {

Permission tcp(int from, int to, const char* cidr = "10.0.0.0/8") {
  return {.protocol = kTcp, .from_port = from, .to_port = to, .peer = block(cidr)};
}

AuthorizeSecurityGroup ingress(const SecurityGroupId& group, std::vector<Permission> permissions) {
  AuthorizeSecurityGroup command{.group = group};
  for (auto& permission : permissions)
    command.entries.push_back({permission, ""});
  return command;
}

TEST(CreateSecurityGroup, ChecksNameAndDescription) {
  World world;
  const auto vpc = world.vpc();
  world.group(vpc, "web");
  const struct {
    std::string name;
    std::string description;
    const char* code;
  } cases[] = {{"web", "d", "InvalidGroup.Duplicate"},
               {"WEB", "d", "InvalidGroup.Duplicate"},
               {"default", "d", "InvalidGroup.Reserved"},
               {"Default", "d", "InvalidGroup.Reserved"},
               {"sg-web", "d", "InvalidParameterValue"},
               {"", "d", "MissingParameter"},
               {"db", "", "MissingParameter"},
               {"d\"b", "d", "InvalidParameterValue"},
               {"db", "caf\xc3\xa9", "InvalidParameterValue"},
               {std::string(256, 'a'), "d", "InvalidParameterValue"},
               {std::string(255, 'a'), "d", ""},
               {"a ._-:/()#,@[]+=&;{}!$*", "d", ""}};
  for (const auto& c : cases) {
    EXPECT_EQ(world.code(CreateSecurityGroup{vpc, c.name, c.description, {}}), c.code) << c.name;
  }
  EXPECT_EQ(world.code(CreateSecurityGroup{world.vpc(), "web", "another VPC", {}}), "");
}

TEST(CreateSecurityGroup, AdmitsNothingInAndEverythingOut) {
  World world;
  const auto group = world.group(world.vpc());
  std::vector<Permission> permissions;
  for (const auto& [id, rule] : world.state.security_group_rules) {
    if (rule->group == group) permissions.push_back(rule->permission);
  }
  EXPECT_EQ(permissions, (std::vector<Permission>{{.egress = true, .peer = block("0.0.0.0/0")}}));
}

TEST(DeleteSecurityGroup, NotTheDefaultOneAndNoneInUse) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto web = world.group(vpc, "web");
  const auto db = world.group(vpc, "db");
  EXPECT_EQ(world.code(DeleteSecurityGroup{find(world.state.vpcs, vpc)->default_security_group}),
            "CannotDelete");
  const auto interface = world.interface(subnet, {web});
  EXPECT_EQ(world.code(DeleteSecurityGroup{web}), "DependencyViolation");
  EXPECT_EQ(world.code(DeleteNetworkInterface{interface}), "");
  EXPECT_EQ(world.code(ingress(db, {{.protocol = kTcp, .from_port = 1, .to_port = 1, .peer = web}})), "");
  const auto reference = *SecurityGroupRuleId::parse(world.last().ids.front());
  EXPECT_EQ(world.code(DeleteSecurityGroup{web}), "DependencyViolation");
  EXPECT_EQ(world.code(RevokeSecurityGroup{db, false, {reference}, {}}), "");
  EXPECT_EQ(world.code(ingress(web, {{.peer = web}})), "");  // its own rules are no obstacle
  EXPECT_EQ(world.code(DeleteSecurityGroup{web}), "");
  EXPECT_TRUE(std::none_of(world.state.security_group_rules.begin(), world.state.security_group_rules.end(),
                           [&](const auto& row) { return row.second->group == web; }));
}

TEST(AuthorizeSecurityGroup, ChecksTheShapeOfARule) {
  World world;
  const auto group = world.group(world.vpc());
  const auto with = [](int protocol, int from, int to) {
    return Permission{.protocol = protocol, .from_port = from, .to_port = to, .peer = block("10.0.0.0/8")};
  };
  const struct {
    const char* name;
    Permission permission;
    const char* code;
  } cases[] = {{"one port", with(kTcp, 22, 22), ""},
               {"all ports", with(kUdp, 0, 65535), ""},
               {"no ports", with(kTcp, -1, -1), "InvalidParameterValue"},
               {"no last port", with(kTcp, 22, -1), "InvalidParameterValue"},
               {"from above to", with(kTcp, 23, 22), "InvalidParameterValue"},
               {"port too large", with(kUdp, 22, 65536), "InvalidParameterValue"},
               {"any ICMP", with(kIcmp, -1, -1), ""},
               {"ICMP echo, any code", with(kIcmp, 8, -1), ""},
               {"ICMP type and code", with(kIcmp, 3, 4), ""},
               {"ICMP any type but one code", with(kIcmp, -1, 4), "InvalidParameterValue"},
               {"ICMP type too large", with(kIcmp, 256, -1), "InvalidParameterValue"},
               {"a protocol without ports", with(50, 7, 8), ""},
               {"protocol too large", with(256, -1, -1), "InvalidPermission.Malformed"},
               {"protocol too small", with(-2, -1, -1), "InvalidPermission.Malformed"}};
  for (const auto& c : cases)
    EXPECT_EQ(world.code(ingress(group, {c.permission})), c.code) << c.name;
  EXPECT_EQ(world.code(ingress(group, {with(50, 1, 2)})),
            "InvalidPermission.Duplicate");  // ports do not count
  EXPECT_EQ(world.code(ingress(group, {})), "MissingParameter");
}

TEST(AuthorizeSecurityGroup, ADuplicateFailsTheWholeCall) {
  World world;
  const auto group = world.group(world.vpc());
  EXPECT_EQ(world.code(ingress(group, {tcp(1, 1)})), "");
  const auto before = world.state.security_group_rules;
  EXPECT_EQ(world.code(ingress(group, {tcp(2, 2), tcp(1, 1)})), "InvalidPermission.Duplicate");
  EXPECT_EQ(world.code(ingress(group, {tcp(3, 3), tcp(3, 3)})), "InvalidPermission.Duplicate");
  auto described = ingress(group, {tcp(1, 1)});
  described.entries.front().description = "another description";
  EXPECT_EQ(world.code(described), "InvalidPermission.Duplicate");
  EXPECT_EQ(world.state.security_group_rules, before);
  auto egress = ingress(group, {tcp(1, 1)});
  egress.egress = true;
  EXPECT_EQ(world.code(egress), "");
}

TEST(AuthorizeSecurityGroup, SixtyRulesPerDirection) {
  World world;
  const auto group = world.group(world.vpc());
  for (int port = 1; port <= 60; ++port)
    ASSERT_EQ(world.code(ingress(group, {tcp(port, port)})), "") << port;
  EXPECT_EQ(world.code(ingress(group, {tcp(61, 61)})), "RulesPerSecurityGroupLimitExceeded");
  auto egress = ingress(group, {tcp(61, 61)});
  egress.egress = true;
  EXPECT_EQ(world.code(egress), "");
}

TEST(AuthorizeSecurityGroup, PeerGroupsAreOfTheSameVpc) {
  World world;
  const auto vpc = world.vpc();
  const auto group = world.group(vpc, "web");
  const auto elsewhere = world.group(world.vpc(), "elsewhere");
  const auto absent = *SecurityGroupId::parse("sg-00000000000000001");
  EXPECT_EQ(world.code(ingress(group, {{.peer = elsewhere}})), "InvalidGroup.NotFound");
  EXPECT_EQ(world.code(ingress(group, {{.peer = absent}})), "InvalidGroup.NotFound");
  EXPECT_EQ(world.code(ingress(group, {{.peer = group}})), "");
  EXPECT_EQ(world.last().touched, std::set{vpc});
}

TEST(AuthorizeSecurityGroup, APrefixListIsOneRuleWhateverItHolds) {
  World world;
  world.state.services = test::test_services();
  const auto group = world.group(world.vpc());
  const auto list = world.state.services.at(0).prefix_list;
  EXPECT_EQ(world.code(ingress(group, {{.peer = list}})), "");
  EXPECT_EQ(world.code(ingress(group, {{.peer = list}})), "InvalidPermission.Duplicate");
  EXPECT_EQ(world.code(ingress(group, {{.peer = *PrefixListId::parse("pl-0a1b2c3d")}})),
            "InvalidPrefixListID.NotFound");
  for (int port = 2; port <= 60; ++port)
    ASSERT_EQ(world.code(ingress(group, {tcp(port, port)})), "") << port;
  EXPECT_EQ(world.code(ingress(group, {tcp(61, 61)})), "RulesPerSecurityGroupLimitExceeded");
  EXPECT_EQ(world.code(RevokeSecurityGroup{group, false, {}, {{.peer = list}}}), "");
  EXPECT_EQ(world.code(RevokeSecurityGroup{group, false, {}, {{.peer = list}}}),
            "InvalidPermission.NotFound");
}

TEST(RevokeSecurityGroup, ByIdOrByPermission) {
  World world;
  const auto group = world.group(world.vpc());
  EXPECT_EQ(world.code(ingress(group, {tcp(1, 1), tcp(2, 2), tcp(3, 3)})), "");
  const auto ids = world.last().ids;
  const auto first = *SecurityGroupRuleId::parse(ids[0]);
  EXPECT_EQ(world.code(RevokeSecurityGroup{group, true, {first}, {}}), "InvalidSecurityGroupRuleId.NotFound");
  EXPECT_EQ(world.code(RevokeSecurityGroup{group, false, {first}, {tcp(2, 2)}}),
            "InvalidParameterCombination");
  EXPECT_EQ(world.code(RevokeSecurityGroup{group, false, {}, {}}), "MissingParameter");
  EXPECT_EQ(world.code(RevokeSecurityGroup{group, false, {}, {tcp(2, 2), tcp(9, 9)}}),
            "InvalidPermission.NotFound");
  EXPECT_EQ(world.code(RevokeSecurityGroup{group, false, {}, {tcp(2, 2)}}), "");
  EXPECT_EQ(world.last().ids, std::vector{ids[1]});
  EXPECT_EQ(world.code(RevokeSecurityGroup{group, false, {first}, {}}), "");
  EXPECT_EQ(world.code(RevokeSecurityGroup{group, false, {first}, {}}),
            "InvalidSecurityGroupRuleId.NotFound");
  EXPECT_NE(find(world.state.security_group_rules, *SecurityGroupRuleId::parse(ids[2])), nullptr);
}

}  // namespace
}  // namespace caisson::vpc
