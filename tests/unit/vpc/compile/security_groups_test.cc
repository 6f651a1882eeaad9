// Compiled policies are read as the datapath reads them: the class by longest prefix, then the rule.
#include <gmock/gmock.h>

#include <algorithm>
#include <ctime>
#include <functional>

#include "tests/support/random_commands.hh"
#include "tests/unit/vpc/apply/world.hh"
#include "vpc/compile/compile.hh"

namespace caisson::vpc {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

Permission ingress(int protocol, int from, int to, Peer peer) {
  return {.egress = false, .protocol = protocol, .from_port = from, .to_port = to, .peer = std::move(peer)};
}

/// One group with one member in 10.0.1.0/24, whose ingress is looked at.
struct Firewall {
  World world;
  VpcId vpc = world.vpc();
  SubnetId subnet = world.subnet(vpc);
  SecurityGroupId group = world.group(vpc, "g");
  NetworkInterfaceId interface = world.interface(subnet, {group});

  std::string allow(const Permission& permission) {
    return world.id(AuthorizeSecurityGroup{group, false, {{permission, ""}}, {}});
  }
  [[nodiscard]] DesiredPolicy policy() const {
    return compile_security_groups(world.state, vpc, group_set_numbers(world.state, vpc));
  }
  [[nodiscard]] std::uint32_t set() const { return group_set_numbers(world.state, vpc).at({group}); }

  [[nodiscard]] std::uint32_t class_of(const char* peer) const {
    const auto all = policy();
    int longest = -1;
    std::uint32_t found = 0;
    for (const auto& [cidr, number] : all.classes) {
      if (!cidr.contains(address(peer)) || cidr.length() < longest) continue;
      longest = cidr.length();
      found = number;
    }
    EXPECT_GE(longest, 0) << "every address has a class";
    return found;
  }

  /// The rule that admits; "" when none does. `protocol` as in the key.
  [[nodiscard]] std::string admits(const char* peer, int protocol, int port, bool egress = false) const {
    const auto all = policy();
    const auto number = class_of(peer);
    int longest = -1;
    std::string found;
    for (const auto& [key, rule] : all.rules) {
      const int shift = 16 - key.ports.bits;
      if (key.group_set != set() || key.peer_class != number || key.egress != egress ||
          key.protocol != protocol || (key.ports.first >> shift) != (port >> shift) ||
          key.ports.bits < longest) {
        continue;
      }
      longest = key.ports.bits;
      found = rule.id.text();
    }
    return found;
  }
};

TEST(SecurityGroups, WithoutIngressRulesAdmitNothing) {
  const Firewall firewall;
  for (const int protocol : {kIcmp, kTcp, kUdp, kOtherProtocols})
    EXPECT_EQ(firewall.admits("10.0.1.9", protocol, 80), "") << protocol;
}

TEST(SecurityGroups, AdmitExactlyTheirPorts) {
  const struct {
    const char* name;
    int from;
    int to;
    std::vector<int> inside;
    std::vector<int> outside;
  } cases[] = {
      {"one port", 80, 80, {80}, {79, 81, 0, 65535}},
      {"a range across powers of two", 1000, 5000, {1000, 1024, 4096, 5000}, {999, 5001, 0}},
      {"an aligned range", 4096, 8191, {4096, 8191}, {4095, 8192}},
      {"from the first", 0, 1, {0, 1}, {2, 65535}},
      {"to the last", 65534, 65535, {65534, 65535}, {65533, 0}},
      {"all by number", 0, 65535, {0, 1, 32768, 65535}, {}},
  };
  for (const auto& c : cases) {
    Firewall firewall;
    const auto rule = firewall.allow(ingress(kTcp, c.from, c.to, block("10.0.0.0/8")));
    for (const int port : c.inside)
      EXPECT_EQ(firewall.admits("10.0.1.9", kTcp, port), rule) << c.name << port;
    for (const int port : c.outside)
      EXPECT_EQ(firewall.admits("10.0.1.9", kTcp, port), "") << c.name << port;
    EXPECT_EQ(firewall.admits("10.0.1.9", kUdp, 80), "") << c.name;
    EXPECT_EQ(firewall.admits("11.0.0.1", kTcp, c.inside.front()), "") << c.name;
  }
}

TEST(SecurityGroups, UseFewPrefixesForARange) {
  Firewall firewall;
  firewall.allow(ingress(kTcp, 1, 65534, block("0.0.0.0/0")));
  std::size_t entries = 0;
  for (const auto& [key, rule] : firewall.policy().rules)
    entries += key.egress ? 0 : 1;
  EXPECT_EQ(entries, 30U);  // the worst range of 16 bits
}

TEST(SecurityGroups, TakeIcmpTypeAndCode) {
  const struct {
    const char* name;
    int type;
    int code;
    int value;
    bool admitted;
  } cases[] = {
      {"any type", -1, -1, 13 << 8 | 7, true},    {"the type, any code", 8, -1, 8 << 8 | 3, true},
      {"another type", 8, -1, 0 << 8 | 3, false}, {"type and code", 3, 4, 3 << 8 | 4, true},
      {"another code", 3, 4, 3 << 8 | 5, false},
  };
  for (const auto& c : cases) {
    Firewall firewall;
    const auto rule = firewall.allow(ingress(kIcmp, c.type, c.code, block("0.0.0.0/0")));
    EXPECT_EQ(firewall.admits("10.0.1.9", kIcmp, c.value), c.admitted ? rule : "") << c.name;
  }
}

TEST(SecurityGroups, LetTheLowestIdDecide) {
  Firewall firewall;
  const auto one = firewall.allow(ingress(kTcp, 80, 90, block("10.0.0.0/8")));
  const auto two = firewall.allow(ingress(kTcp, 85, 95, block("10.0.1.0/24")));
  const auto all = firewall.allow(ingress(kAllProtocols, -1, -1, block("10.0.1.9/32")));
  EXPECT_EQ(firewall.admits("10.0.1.9", kTcp, 87), std::min({one, two, all}));
  EXPECT_EQ(firewall.admits("10.0.1.8", kTcp, 87), std::min(one, two));
  EXPECT_EQ(firewall.admits("10.0.2.8", kTcp, 87), one);
  EXPECT_EQ(firewall.admits("10.0.1.9", kTcp, 94), std::min(two, all));
  EXPECT_EQ(firewall.admits("10.0.1.9", kTcp, 96), all);
  EXPECT_EQ(firewall.admits("10.0.2.8", kTcp, 96), "");
}

TEST(SecurityGroups, LetARuleForAllProtocolsAdmitTheNamedOnesToo) {
  Firewall firewall;
  firewall.allow(ingress(kUdp, 53, 53, block("192.0.2.0/24")));
  const auto all = firewall.allow(ingress(kAllProtocols, -1, -1, block("10.0.0.0/8")));
  EXPECT_EQ(firewall.admits("10.0.1.9", kUdp, 9999), all);
  EXPECT_EQ(firewall.admits("10.0.1.9", kOtherProtocols, 0), all);
  EXPECT_EQ(firewall.admits("192.0.2.1", kOtherProtocols, 0), "");
  EXPECT_EQ(firewall.admits("192.0.2.1", kUdp, 54), "");
}

TEST(SecurityGroups, PutTheDirectionsApart) {
  Firewall firewall;
  EXPECT_NE(firewall.admits("10.0.1.9", kOtherProtocols, 0, true), "") << "EC2's default: all egress";
  EXPECT_EQ(firewall.admits("10.0.1.9", kOtherProtocols, 0, false), "");
}

TEST(SecurityGroups, FollowTheMembersOfAReferencedGroup) {
  Firewall firewall;
  const auto clients = firewall.world.group(firewall.vpc, "clients");
  const auto rule = firewall.allow(ingress(kTcp, 5432, 5432, clients));
  EXPECT_EQ(firewall.admits("10.0.1.5", kTcp, 5432), "");
  const auto client = firewall.world.interface(firewall.subnet, {clients});  // 10.0.1.5
  EXPECT_EQ(firewall.admits("10.0.1.5", kTcp, 5432), rule);
  EXPECT_EQ(firewall.admits("10.0.1.6", kTcp, 5432), "");
  EXPECT_EQ(firewall.admits("10.0.1.5", kTcp, 5433), "");
  EXPECT_EQ(firewall.world.code(DeleteNetworkInterface{client}), "");
  EXPECT_EQ(firewall.admits("10.0.1.5", kTcp, 5432), "");
}

TEST(SecurityGroups, OfAnotherVpcDoNotLendTheirMembers) {
  Firewall firewall;
  auto& world = firewall.world;
  const auto clients = world.group(firewall.vpc, "clients");
  firewall.allow(ingress(kTcp, 5432, 5432, clients));
  const auto other = world.vpc();
  world.interface(world.subnet(other), {world.group(other, "clients")});
  const auto policy = firewall.policy();
  EXPECT_THAT(policy.classes, SizeIs(1)) << "none but that of every address";
}

TEST(SecurityGroups, ShareAClassWhereNoRuleTellsAddressesApart) {
  Firewall firewall;
  firewall.allow(ingress(kTcp, 1, 1, block("10.0.1.0/25")));
  firewall.allow(ingress(kTcp, 2, 2, block("192.0.2.0/24")));
  EXPECT_EQ(firewall.class_of("10.0.1.1"), firewall.class_of("10.0.1.127"));
  EXPECT_EQ(firewall.class_of("10.0.1.128"), firewall.class_of("8.8.8.8"));
  EXPECT_NE(firewall.class_of("10.0.1.1"), firewall.class_of("10.0.1.128"));
  EXPECT_NE(firewall.class_of("10.0.1.1"), firewall.class_of("192.0.2.1"));
}

TEST(SecurityGroups, OfASetAddUp) {
  Firewall firewall;
  auto& world = firewall.world;
  const auto second = world.group(firewall.vpc, "second");
  const auto rule =
      world.id(AuthorizeSecurityGroup{second, false, {{ingress(kTcp, 22, 22, block("0.0.0.0/0")), ""}}, {}});
  EXPECT_EQ(firewall.admits("10.0.1.9", kTcp, 22), "");
  const auto both =
      find(world.state.network_interfaces, world.interface(firewall.subnet, {firewall.group, second}))
          ->groups;
  const auto set = group_set_numbers(world.state, firewall.vpc).at(both);
  bool found = false;
  for (const auto& [key, decides] : firewall.policy().rules)
    found = found || (key.group_set == set && !key.egress && decides.id.text() == rule);
  EXPECT_TRUE(found);
  EXPECT_EQ(firewall.admits("10.0.1.9", kTcp, 22), "") << "the one group alone still does not";
}

std::string untracked(const DesiredPolicy& policy, bool egress, int protocol, int port) {
  std::string found = "nothing";
  int longest = -1;
  for (const auto& [key, rule] : policy.rules) {
    const int shift = 16 - key.ports.bits;
    if (key.egress != egress || key.protocol != protocol || (key.ports.first >> shift) != (port >> shift) ||
        key.ports.bits < longest)
      continue;
    longest = key.ports.bits;
    found = std::string(rule.untracked_tcp ? "tcp" : "") + (rule.untracked_udp ? "udp" : "");
  }
  return found;
}

TEST(SecurityGroups, SayWhatIsUntracked) {
  const Ipv4Cidr everybody = block("0.0.0.0/0");
  const Permission all_out{.egress = true, .protocol = kAllProtocols, .peer = everybody};
  const Permission tcp_out{
      .egress = true, .protocol = kTcp, .from_port = 0, .to_port = 65535, .peer = everybody};
  const Permission some_out{
      .egress = true, .protocol = kTcp, .from_port = 1, .to_port = 65535, .peer = everybody};
  const Permission near_out{.egress = true, .protocol = kAllProtocols, .peer = block("0.0.0.0/1")};
  const struct {
    const char* name;
    Permission in;
    Permission out;
    int protocol;  ///< of the entry
    const char* untracked;
  } cases[] = {
      {"a port, all answers", ingress(kTcp, 80, 80, everybody), all_out, kTcp, "tcp"},
      {"UDP", ingress(kUdp, 80, 80, everybody), all_out, kUdp, "udp"},
      {"all protocols, all answers", ingress(kAllProtocols, -1, -1, everybody), all_out, kOtherProtocols,
       "tcpudp"},
      {"all protocols, answers of TCP", ingress(kAllProtocols, -1, -1, everybody), tcp_out, kOtherProtocols,
       "tcp"},
      {"answers of another protocol", ingress(kUdp, 80, 80, everybody), tcp_out, kUdp, ""},
      {"answers to some ports", ingress(kTcp, 80, 80, everybody), some_out, kTcp, ""},
      {"answers to some addresses", ingress(kTcp, 80, 80, everybody), near_out, kTcp, ""},
      {"from some addresses", ingress(kTcp, 80, 80, block("0.0.0.0/1")), all_out, kTcp, ""},
      {"ICMP", ingress(kIcmp, -1, -1, everybody), all_out, kIcmp, ""},
      {"another protocol", ingress(47, -1, -1, everybody), all_out, 47, ""},
  };
  for (const auto& c : cases) {
    Firewall firewall;
    auto& world = firewall.world;
    EXPECT_EQ(world.code(RevokeSecurityGroup{firewall.group, true, {}, {all_out}}), "") << "EC2's default";
    firewall.allow(c.in);
    EXPECT_EQ(world.code(AuthorizeSecurityGroup{firewall.group, true, {{c.out, ""}}, {}}), "");
    EXPECT_EQ(untracked(firewall.policy(), false, c.protocol, 80), c.untracked) << c.name;
  }
}

TEST(SecurityGroups, TakeTheWidestOfSeveralRulesForWhatIsUntracked) {
  Firewall firewall;
  firewall.allow(ingress(kTcp, 1, 1024, block("10.0.0.0/8")));
  EXPECT_EQ(untracked(firewall.policy(), false, kTcp, 80), "");
  firewall.allow(ingress(kTcp, 80, 80, block("0.0.0.0/0")));
  const auto policy = firewall.policy();
  EXPECT_EQ(untracked(policy, false, kTcp, 80), "tcp");
  EXPECT_EQ(untracked(policy, false, kTcp, 81), "");
  // The other direction of the same flows: not all ports come in.
  EXPECT_EQ(untracked(policy, true, kOtherProtocols, 80), "");
}

TEST(SecurityGroups, APrefixListIsItsServicesBlocks) {
  Firewall firewall;
  firewall.world.state.services = test::test_services();
  const auto list = firewall.world.state.services.at(1).prefix_list;
  const auto rule = firewall.allow(ingress(kTcp, 443, 443, list));
  EXPECT_EQ(firewall.admits("203.0.113.0", kTcp, 443), rule);
  EXPECT_EQ(firewall.admits("203.0.113.127", kTcp, 443), rule);
  EXPECT_EQ(firewall.admits("203.0.113.128", kTcp, 443), "") << "another service's";
  EXPECT_EQ(firewall.admits("203.0.112.255", kTcp, 443), "");
  EXPECT_EQ(firewall.admits("203.0.113.0", kTcp, 80), "");
  // Blocks around it, equal to it and in it are told apart as ever.
  const auto around = firewall.allow(ingress(kTcp, 80, 80, block("203.0.113.0/24")));
  const auto equal = firewall.allow(ingress(kTcp, 81, 81, block("203.0.113.0/25")));
  const auto inside = firewall.allow(ingress(kTcp, 82, 82, block("203.0.113.64/26")));
  for (const char* peer : {"203.0.113.1", "203.0.113.65"}) {
    EXPECT_EQ(firewall.admits(peer, kTcp, 443), rule);
    EXPECT_EQ(firewall.admits(peer, kTcp, 80), around);
    EXPECT_EQ(firewall.admits(peer, kTcp, 81), equal);
  }
  EXPECT_EQ(firewall.admits("203.0.113.65", kTcp, 82), inside);
  EXPECT_EQ(firewall.admits("203.0.113.1", kTcp, 82), "");
  firewall.world.state.services.clear();
  EXPECT_EQ(firewall.admits("203.0.113.1", kTcp, 443), "") << "a list that is no more holds nobody";
}

/// The processor's time for a VPC with so many blocks in rules, in seconds.
double seconds_for(int groups) {
  constexpr int kRules = 60;  // the quota of a group
  World world;
  const VpcId vpc = world.vpc();
  std::uint32_t next = address("20.0.0.0").value;
  for (int i = 0; i < groups; ++i) {
    AuthorizeSecurityGroup command{world.group(vpc, ("g" + std::to_string(i)).c_str()), false, {}, {}};
    for (int k = 0; k < kRules; ++k)
      command.entries.push_back({ingress(kTcp, 1, 1, Ipv4Cidr({next++}, 32)), ""});
    EXPECT_EQ(world.code(command), "");
  }
  double least = 1e9;
  for (int i = 0; i < 3; ++i) {
    const std::clock_t begin = std::clock();
    const auto policy = compile_security_groups(world.state, vpc, group_set_numbers(world.state, vpc));
    least = std::min(least, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
    EXPECT_THAT(policy.classes, SizeIs(groups * kRules + 1));
  }
  return least;
}

// One account may have 300,000 rules, and everybody's commands wait for the compiler.
TEST(SecurityGroups, CostInProportionToTheirRules) {
  EXPECT_LT(seconds_for(100), 40 * seconds_for(10)) << "the square would be 100";
}

}  // namespace
}  // namespace caisson::vpc
