// What a snapshot and the commands after it come to is what all commands come to.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <nlohmann/json.hpp>

#include "netd/api/state_json.hh"
#include "tests/support/random_commands.hh"
#include "vpc/apply/index.hh"
#include "vpc/compile/compile.hh"

namespace caisson::test {
namespace {

template <class Table>
void expect_equal_tables(const Table& one, const Table& other) {
  RC_ASSERT(one.size() == other.size());
  auto right = other.begin();
  for (const auto& [id, resource] : one) {
    RC_ASSERT(id == right->first);
    RC_ASSERT(*resource == *right->second);
    ++right;
  }
}

void expect_equal(const State& one, const State& other) {
  expect_equal_tables(one.accounts, other.accounts);
  expect_equal_tables(one.access_keys, other.access_keys);
  expect_equal_tables(one.vpcs, other.vpcs);
  expect_equal_tables(one.subnets, other.subnets);
  expect_equal_tables(one.route_tables, other.route_tables);
  expect_equal_tables(one.network_acls, other.network_acls);
  expect_equal_tables(one.security_groups, other.security_groups);
  expect_equal_tables(one.security_group_rules, other.security_group_rules);
  expect_equal_tables(one.network_interfaces, other.network_interfaces);
  expect_equal_tables(one.vpc_endpoints, other.vpc_endpoints);
  RC_ASSERT(one.managed_subnets == other.managed_subnets);
  RC_ASSERT(one.client_tokens == other.client_tokens);
  RC_ASSERT(one.next_number == other.next_number);
  RC_ASSERT(one.access_key_revision == other.access_key_revision);
  RC_ASSERT(index_of(other) == other.index);  // by pointers into its own tables
  RC_ASSERT(compile(one) == compile(other));
}

/// As the store keeps it.
State stored(const State& state) {
  const std::string text = netd::api::encode_state(state).dump();
  auto read = netd::api::decode_state(nlohmann::json::parse(text));
  RC_ASSERT(read.has_value());
  RC_ASSERT(index_of(read.value()) == read.value().index);
  read.value().services = state.services;  // netd's configuration
  return std::move(read).value();
}

class Sequence {
 public:
  explicit Sequence(std::uint64_t seed) : seed_(seed), commands_(seed) {}

  /// Also accounts and their keys, which the other commands act for, and tags.
  StampedCommand next(const State& state) {
    StampedCommand stamped{
        .account = {kDefaultAccountId}, .seed = ++seed_, .time = "2026-01-01T00:00:00.000Z", .command = {}};
    const auto account =
        std::next(state.accounts.begin(), commands_.below(static_cast<int>(state.accounts.size())));
    if (commands_.below(3) == 0) stamped.account = account->first;
    switch (commands_.below(20)) {
      case 0:
        stamped.command =
            CreateAccount{.name = "account" + std::to_string(commands_.below(9)), .account = {}};
        break;
      case 1:
        stamped.command = CreateAccessKey{};
        stamped.sealed_secret = "sealed " + std::to_string(commands_.below(1000));
        break;
      case 2:
        stamped.command = DeleteAccessKey{state.access_keys.empty() ? "" : state.access_keys.begin()->first};
        break;
      case 3:
        stamped.command = DeleteAccount{account->first};
        break;
      case 4:
        stamped.command = CreateTags{{commands_.id_of(state.subnets).text()}, {{"Name", "\"a\" \n\xc3\xa4"}}};
        break;
      default:
        stamped.command = commands_.command(state);
    }
    return stamped;
  }
  int below(int end) { return commands_.below(end); }

 private:
  std::uint64_t seed_;
  RandomCommands commands_;
};

TEST(Snapshot, WithTheRestIsTheReplayOfAll) {
  int applied = 0;
  std::size_t keys = 0, interfaces = 0, tokens = 0;
  EXPECT_TRUE(rc::check("a model that was stored at any point goes on as if it had not been", [&] {
    const auto seed =
        *rc::gen::noShrink(rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint64_t>()));
    Sequence sequence(seed);
    State all;
    all.services = test_services();
    State kept;
    const int cut = sequence.below(150);
    for (int step = 0; step < 150; ++step) {
      if (step == cut) kept = stored(all);
      const auto command = sequence.next(all);
      auto result = apply(all, command);
      if (step >= cut) {
        auto again = apply(kept, command);
        RC_ASSERT(again.has_value() == result.has_value());
        if (again) kept = std::move(again.value().state);
      }
      if (!result) continue;
      ++applied;
      all = std::move(result.value().state);
    }
    expect_equal(all, kept);
    expect_equal(all, stored(all));
    keys += all.access_keys.size();
    interfaces += all.network_interfaces.size();
    tokens += all.client_tokens.size();
  }));
  EXPECT_GT(applied, 2000);
  EXPECT_GT(keys, 0U);
  EXPECT_GT(interfaces, 100U);
  EXPECT_GT(tokens, 0U);
}

TEST(Snapshot, ThatIsDamagedIsRefused) {
  const auto sound = netd::api::encode_state(State{});
  ASSERT_TRUE(netd::api::decode_state(sound).has_value());
  for (const auto& [name, value] : sound.items()) {
    auto lacking = sound;
    lacking.erase(name);
    EXPECT_FALSE(netd::api::decode_state(lacking).has_value()) << name;
    auto other = sound;
    other[name] = "text";
    EXPECT_FALSE(netd::api::decode_state(other).has_value()) << name;
  }
  auto later = sound;
  later["Version"] = 3;
  EXPECT_FALSE(netd::api::decode_state(later).has_value());
  auto first = sound;  // which had no endpoints
  first["Version"] = 1;
  first.erase("VpcEndpoints");
  EXPECT_TRUE(netd::api::decode_state(first).has_value());
  EXPECT_FALSE(netd::api::decode_state(nlohmann::json()).has_value());
}

}  // namespace
}  // namespace caisson::test
