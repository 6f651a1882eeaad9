#include "netd/reconcile/shares.hh"

#include <gmock/gmock.h>

#include "tests/unit/vpc/apply/world.hh"

namespace caisson::netd::reconcile {
namespace {

const vpc::AccountId kOne{"000000000001"};
const vpc::AccountId kOther{"000000000002"};
/// 100 entries in common, 10 each of two accounts.
constexpr PolicyShare kSmall{.entries = 180, .accounts = 2, .own = 10};
static_assert(kSmall.common() == 100);

vpc::VpcId vpc_of(int number) {
  return *vpc::VpcId::parse("vpc-0000000000000000" + std::to_string(number));
}

struct Use {
  PolicyUse use{{.classes = kSmall, .rules = kSmall}};

  /// The error's code; "" if the VPC has become so large.
  std::string set(int vpc, const vpc::AccountId& account, PolicySize size,
                  const vpc::Command& command = vpc::AuthorizeSecurityGroup{}) {
    const VpcPolicies after{{vpc_of(vpc), {account, size}}};
    const Status may = use.check(command, {vpc_of(vpc)}, after);
    if (!may) return may.error().code;
    use.note({vpc_of(vpc)}, after);
    return "";
  }
};

TEST(PolicyShares, LeaveRoomForTheLargestPolicyTwice) {
  for (const auto& share : {kPolicyShares.classes, kPolicyShares.rules, kSmall})
    EXPECT_LE(share.accounts * share.own + share.common() + share.most(), share.entries);
}

TEST(PolicyShares, OneAccountAloneGetsHalfOfWhatIsInCommon) {
  for (const bool rules : {false, true}) {
    Use one;
    const auto size = [&](std::size_t entries) {
      return rules ? PolicySize{.rules = entries} : PolicySize{.classes = entries};
    };
    EXPECT_EQ(one.set(1, kOne, size(40)), "");
    EXPECT_EQ(one.set(2, kOne, size(21)), "RulesPerSecurityGroupLimitExceeded");
    EXPECT_EQ(one.set(2, kOne, size(20)), "");
    EXPECT_EQ(one.set(1, kOne, size(41)), "RulesPerSecurityGroupLimitExceeded");
    EXPECT_EQ(one.set(1, kOne, size(30)), "");
    EXPECT_EQ(one.set(1, kOne, size(40)), "");
  }
}

TEST(PolicyShares, AnotherOneFindsItsOwnAndHalfOfWhatIsLeft) {
  Use use;
  EXPECT_EQ(use.set(1, kOne, {.classes = 60}), "");
  EXPECT_EQ(use.set(2, kOther, {.classes = 36}), "RulesPerSecurityGroupLimitExceeded");
  EXPECT_EQ(use.set(2, kOther, {.classes = 35}), "");
  EXPECT_EQ(use.use.held_by(kOther), (PolicySize{.classes = 35}));
}

TEST(PolicyShares, WhoHasMoreMayOnlyGiveBack) {
  Use use;
  use.use.note({vpc_of(1)}, {{vpc_of(1), {kOne, {.classes = 90, .rules = 90}}}});
  EXPECT_EQ(use.set(1, kOne, {.classes = 91, .rules = 90}), "RulesPerSecurityGroupLimitExceeded");
  EXPECT_EQ(use.set(1, kOne, {.classes = 90, .rules = 90}), "");
  EXPECT_EQ(use.set(1, kOne, {.classes = 80, .rules = 90}), "");
  use.use.note({vpc_of(1)}, {});  // deleted
  EXPECT_EQ(use.use.held_by(kOne), PolicySize{});
  EXPECT_EQ(use.set(1, kOne, {.classes = 60, .rules = 60}), "");
}

TEST(PolicyShares, RefuseByTheQuotaThatFits) {
  Use use;
  EXPECT_EQ(use.set(1, kOne, {.rules = 61}, vpc::CreateNetworkInterface{}), "NetworkInterfaceLimitExceeded");
  EXPECT_EQ(use.set(1, kOne, {.rules = 61}, vpc::EnsureFunctionInterface{}), "NetworkInterfaceLimitExceeded");
  EXPECT_EQ(use.set(1, kOne, {.classes = 61}, vpc::CreateVpc{}), "VpcLimitExceeded");
}

TEST(PoliciesOf, CountWhatCompileMakes) {
  vpc::World world;
  const auto vpc = world.vpc();
  const auto group = world.group(vpc);
  world.interface(world.subnet(vpc), {group});
  const auto before = policies_of(world.state, {vpc}).at(vpc);
  EXPECT_EQ(before.account, world.account);
  EXPECT_EQ(before.size, (PolicySize{.classes = 1, .rules = 1}));
  const vpc::Permission permission{false, vpc::kTcp, 1, 65534, vpc::block("10.0.0.0/8")};
  world.id(vpc::AuthorizeSecurityGroup{group, false, {{permission, ""}}, {}});
  // A class more, in which egress has its rule, too; 30 prefixes of ports.
  EXPECT_EQ(policies_of(world.state, {vpc}).at(vpc).size, (PolicySize{.classes = 2, .rules = 1 + 1 + 30}));
  EXPECT_TRUE(policies_of(world.state, {vpc_of(1)}).empty());
}

}  // namespace
}  // namespace caisson::netd::reconcile
