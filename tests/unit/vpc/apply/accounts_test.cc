#include "tests/unit/vpc/apply/world.hh"

namespace caisson::vpc {
namespace {

TEST(Accounts, TheDefaultOneIsAlwaysThere) {
  World world;
  ASSERT_EQ(world.state.accounts.size(), 1U);
  EXPECT_EQ(world.state.accounts.begin()->second->name, "default");
  EXPECT_TRUE(check_account(world.state, {kDefaultAccountId}));
  EXPECT_EQ(check_account(world.state, {"111122223333"}).error().code, "NoSuchEntity");
  EXPECT_EQ(world.code(DeleteAccount{{kDefaultAccountId}}), "InvalidParameterValue");
}

TEST(Accounts, HaveRandomIdsAndNamesOfTheirOwn) {
  World world;
  const AccountId id{world.id(CreateAccount{"shop", {}})};
  EXPECT_EQ(id.text.size(), 12U);
  EXPECT_EQ(id.text.find_first_not_of("0123456789"), std::string::npos);
  EXPECT_NE(id.text.front(), '0');
  EXPECT_EQ(world.state.accounts.at(id)->name, "shop");
  EXPECT_EQ(world.state.accounts.at(id)->created, "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(world.code(CreateAccount{"shop", {}}), "EntityAlreadyExists");
  EXPECT_EQ(world.code(CreateAccount{"default", {}}), "EntityAlreadyExists");
  EXPECT_EQ(world.code(CreateAccount{"other", id}), "EntityAlreadyExists");
  EXPECT_EQ(world.id(CreateAccount{"other", AccountId{"111122223333"}}), "111122223333");
  EXPECT_NE(world.id(CreateAccount{"third", {}}), id.text);
  for (const char* bad : {"", "-a", "a-", "A", "a b", "123", "a.b"}) {
    EXPECT_EQ(world.code(CreateAccount{bad, {}}), "InvalidParameterValue") << bad;
  }
  EXPECT_EQ(world.code(CreateAccount{std::string(63, 'a'), {}}), "");
  EXPECT_EQ(world.code(CreateAccount{std::string(64, 'b'), {}}), "InvalidParameterValue");
  world.state.quotas.accounts = world.state.accounts.size();
  EXPECT_EQ(world.code(CreateAccount{"one-more", {}}), "LimitExceeded");
}

TEST(Accounts, GoOnlyWithoutResourcesAndWithAllThatIsHidden) {
  World world;
  const State before = world.state;
  const AccountId id{world.id(CreateAccount{"shop", {}})};
  world.account = id;
  const VpcId vpc = world.vpc();
  EXPECT_EQ(world.code(DeleteAccount{id}), "DeleteConflict");
  EXPECT_EQ(world.code(DeleteVpc{vpc}), "");
  // A function outside of a VPC: the managed segment comes into being and stays when the function is gone.
  world.id(EnsureFunctionInterface{"f#1", {}, {}});
  EXPECT_EQ(world.code(DeleteAccount{id}), "DeleteConflict");
  EXPECT_EQ(world.code(ReleaseFunctionInterface{"f#1"}), "");
  EXPECT_EQ(world.state.vpcs.size(), 1U);
  const VpcId managed = world.state.vpcs.begin()->first;
  world.id(CreateAccessKey{});
  const auto revision = world.state.access_key_revision;
  world.account = {kDefaultAccountId};
  EXPECT_EQ(world.code(DeleteAccount{id}), "");
  EXPECT_TRUE(world.last().touched.contains(managed));
  EXPECT_GT(world.state.access_key_revision, revision);
  EXPECT_TRUE(world.state.vpcs.empty());
  EXPECT_TRUE(world.state.subnets.empty());
  EXPECT_TRUE(world.state.route_tables.empty());
  EXPECT_TRUE(world.state.network_acls.empty());
  EXPECT_TRUE(world.state.security_groups.empty());
  EXPECT_TRUE(world.state.security_group_rules.empty());
  EXPECT_TRUE(world.state.access_keys.empty());
  EXPECT_TRUE(world.state.managed_subnets.empty());
  EXPECT_EQ(world.state.accounts.size(), before.accounts.size());
  EXPECT_EQ(world.code(DeleteAccount{id}), "NoSuchEntity");
}

TEST(AccessKeys, AreTwoAtMostAndOneAccounts) {
  World world;
  const std::string first = world.id(CreateAccessKey{});
  const std::string second = world.id(CreateAccessKey{});
  EXPECT_NE(first, second);
  EXPECT_EQ(first.size(), 20U);
  EXPECT_TRUE(first.starts_with("AKIA"));
  EXPECT_EQ(first.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), std::string::npos);
  EXPECT_EQ(world.code(CreateAccessKey{}), "LimitExceeded");
  world.account = {world.id(CreateAccount{"shop", {}})};
  EXPECT_EQ(world.code(DeleteAccessKey{first}), "NoSuchEntity");
  EXPECT_EQ(world.code(CreateAccessKey{}), "");
  world.account = {kDefaultAccountId};
  const auto revision = world.state.access_key_revision;
  EXPECT_EQ(world.code(DeleteAccessKey{first}), "");
  EXPECT_EQ(world.state.access_key_revision, revision + 1);
  EXPECT_EQ(world.code(DeleteAccessKey{first}), "NoSuchEntity");
  EXPECT_EQ(world.code(CreateAccessKey{}), "");
}

TEST(AccessKeys, HaveTheIdThatTheirSeedSays) {
  const StampedCommand stamped{.account = {kDefaultAccountId},
                               .seed = 42,
                               .time = "t",
                               .command = CreateAccessKey{},
                               .sealed_secret = "sealed"};
  const auto applied = apply(State{}, stamped);
  ASSERT_TRUE(applied);
  const auto& key = *applied.value().state.access_keys.at(access_key_id(42));
  EXPECT_EQ(key.sealed_secret, "sealed");
  EXPECT_NE(access_key_id(42), access_key_id(43));
}

}  // namespace
}  // namespace caisson::vpc
