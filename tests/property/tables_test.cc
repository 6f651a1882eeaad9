// What compile and the plan promise, of random models: no order, no surplus, and never half a policy.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

#include "netd/reconcile/plan.hh"
#include "tests/property/random_model.hh"
#include "vpc/compile/compile.hh"

namespace caisson::test {
namespace {

namespace reconcile = netd::reconcile;
using reconcile::Table;
using reconcile::Tables;

template <class Property>
void expect_always(const char* name, const Property& property) {
  EXPECT_TRUE(rc::check(name, [&] {
    Dice dice(*rc::gen::noShrink(rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint64_t>())));
    property(dice);
  }));
}

/// As if the kernel had made the links that are desired.
reconcile::ObservedState observed_of(const vpc::DesiredState& desired) {
  reconcile::ObservedState observed;
  std::uint32_t index = 10;
  for (const auto& [name, bridge] : desired.bridges) {
    observed.bridges[name] = {
        .alias = reconcile::alias_of(bridge.subnet.text()), .index = ++index, .up = true};
  }
  for (const auto& [name, member] : desired.members) {
    observed.members[name] = {.alias = reconcile::alias_of(member.interface.text()),
                              .index = ++index,
                              .master = observed.bridges[member.bridge].index,
                              .up = true};
  }
  return observed;
}

Tables tables_of(const vpc::State& state, const Tables& observed) {
  const auto desired = vpc::compile(state);
  return reconcile::desired_tables(desired, reconcile::indexes_of(observed_of(desired)), observed,
                                   {cidr("192.168.0.0/16")});
}

void execute(const reconcile::Operation& operation, Tables& tables) {
  if (const auto* put = std::get_if<reconcile::PutEntry>(&operation.what)) {
    tables[put->table][put->key] = put->value;
  } else {
    const auto& gone = std::get<reconcile::DeleteEntry>(operation.what);
    tables[gone.table].erase(gone.key);
  }
}

using Policy = std::set<std::pair<std::string, std::string>>;

/// The part of both tables that the programs use for a VPC: both kinds of key begin {prefix_bits, vpc, generation}.
/// Without the generation. Nothing: the VPC is closed.
Policy policy_in_force(const Tables& tables, const std::string& vpc) {
  Policy policy;
  const auto generation = tables.at("vpcs").find(vpc);
  if (generation == tables.at("vpcs").end()) return policy;
  for (const char* name : {"classes", "sg_rules"}) {
    for (const auto& [key, value] : tables.at(name)) {
      if (key.substr(4, 4) != vpc || key.substr(8, 4) != generation->second) continue;
      policy.emplace(name + key.substr(0, 8) + key.substr(12), value);
    }
  }
  return policy;
}

/// The VPC whose policy in force the operation changed; empty: of none.
std::string vpc_in_force(const reconcile::Operation& operation, const Tables& tables) {
  const auto* put = std::get_if<reconcile::PutEntry>(&operation.what);
  const auto* gone = std::get_if<reconcile::DeleteEntry>(&operation.what);
  const std::string& table = put != nullptr ? put->table : gone->table;
  const std::string& key = put != nullptr ? put->key : gone->key;
  if (table == "vpcs") return key;
  if (table != "classes" && table != "sg_rules") return "";
  const auto generation = tables.at("vpcs").find(key.substr(4, 4));
  if (generation == tables.at("vpcs").end() || generation->second != key.substr(8, 4)) return "";
  return generation->first;
}

std::set<std::string> vpcs_of(const Tables& tables) {
  std::set<std::string> vpcs;
  for (const auto& [vpc, generation] : tables.at("vpcs")) {
    vpcs.insert(vpc);
  }
  return vpcs;
}

/// Some rules go, some come, in one VPC or in both.
void change(Dice& dice, World& world) {
  const std::size_t first = static_cast<std::size_t>(dice.roll(2));
  const std::size_t last = dice.one_in(2) ? first : 1;
  for (std::size_t vpc = std::min(first, last); vpc <= last; ++vpc) {
    std::vector<vpc::SecurityGroupRule> rules;
    for (const auto& [id, rule] : world.model.state.security_group_rules) {
      const auto& groups = world.groups[vpc];
      if (std::count(groups.begin(), groups.end(), rule->group) > 0 && dice.one_in(3)) rules.push_back(*rule);
    }
    for (const auto& rule : rules) {
      world.model.run(vpc::RevokeSecurityGroup{
          .group = rule.group, .egress = rule.permission.egress, .rules = {rule.id}, .permissions = {}});
    }
    add_rules(dice, world, vpc, dice.roll(4));
  }
}

TEST(Compile, DoesNotDependOnTheOrderOfTheRules) {
  expect_always("the same rules in another order compile to the same", [](Dice& dice) {
    const World world = random_world(dice);
    std::vector<vpc::StampedCommand> commands;
    for (std::size_t i = 0; i < 8; ++i) {
      const std::size_t vpc = i % 2;
      auto rule = random_permission(dice, world, vpc);
      // Of this test alone, so that none is a duplicate.
      rule.peer = Ipv4Cidr({0x0a000000U + static_cast<std::uint32_t>(i) * 4}, 30 - static_cast<int>(i));
      if (std::get<Ipv4Cidr>(rule.peer).length() < 24) continue;
      const bool egress = rule.egress;
      commands.push_back(
          {.account = {"000000000001"},
           .seed = 1000 + i,
           .time = "2026-01-01T00:00:00.000Z",
           .command = vpc::AuthorizeSecurityGroup{.group = dice.pick(world.groups[vpc]),
                                                  .egress = egress,
                                                  .entries = {{.permission = rule, .description = ""}},
                                                  .tags = {}}});
    }
    const auto compiled = [&] {
      vpc::State state = world.model.state;
      for (const auto& command : commands) {
        auto applied = vpc::apply(state, command);
        RC_ASSERT(applied.has_value());
        state = std::move(applied.value().state);
      }
      return vpc::compile(state);
    };
    const auto before = compiled();
    RC_ASSERT(!(before == vpc::compile(world.model.state)));
    std::shuffle(commands.begin(), commands.end(), dice.engine());
    RC_ASSERT(compiled() == before);
  });
}

TEST(Plan, OfWhatIsThereIsEmpty) {
  expect_always("nothing is to be done", [](Dice& dice) {
    const World world = random_world(dice);
    const auto desired = vpc::compile(world.model.state);
    const auto observed = observed_of(desired);
    const auto tables = tables_of(world.model.state, {});
    RC_ASSERT(reconcile::diff_links(desired, observed).empty());
    RC_ASSERT(reconcile::diff_leftovers(desired, observed).empty());
    RC_ASSERT(reconcile::diff_tables(tables_of(world.model.state, tables), tables).empty());
  });
}

TEST(Plan, LeadsToTheDesiredTables) {
  expect_always("executed, the plan leaves what is desired", [](Dice& dice) {
    const World before = random_world(dice);
    World after = before;
    if (dice.one_in(4)) {
      after = random_world(dice);
    } else {
      change(dice, after);
    }
    Tables tables = tables_of(before.model.state, {});
    const auto desired = tables_of(after.model.state, tables);
    for (const auto& operation : reconcile::diff_tables(desired, tables)) {
      execute(operation, tables);
    }
    RC_ASSERT(tables == desired);
  });
}

TEST(Plan, ChangesTheGenerationExactlyWithThePolicy) {
  int changed = 0;
  int kept = 0;
  expect_always("generation", [&](Dice& dice) {
    const World before = random_world(dice);
    World after = before;
    change(dice, after);
    const auto tables = tables_of(before.model.state, {});
    const auto desired = tables_of(after.model.state, tables);
    for (const auto& vpc : before.vpcs) {
      const auto number = before.model.state.vpcs.at(vpc)->number;
      const std::string key(reinterpret_cast<const char*>(&number), sizeof number);
      const bool same = vpc::compile(before.model.state).policies.at(number) ==
                        vpc::compile(after.model.state).policies.at(number);
      ++(same ? kept : changed);
      RC_ASSERT((tables.at("vpcs").at(key) == desired.at("vpcs").at(key)) == same);
    }
  });
  EXPECT_GE(changed, 50);
  EXPECT_GE(kept, 20);
}

/// Executes the plan, all of it or its first `limit` operations; at each moment each VPC has a whole policy: one of
/// those that it had or is to have.
void execute_watched(const Tables& desired, Tables& tables, std::size_t limit,
                     std::map<std::string, std::set<Policy>>& allowed) {
  for (const auto& vpc : vpcs_of(desired)) {
    allowed[vpc].insert(policy_in_force(desired, vpc));
  }
  const auto plan = reconcile::diff_tables(desired, tables);
  for (std::size_t i = 0; i < std::min(limit, plan.size()); ++i) {
    execute(plan[i], tables);
    const std::string vpc = vpc_in_force(plan[i], tables);
    if (vpc.empty()) continue;
    const auto now = policy_in_force(tables, vpc);
    if (!now.empty() && !allowed[vpc].contains(now)) {
      RC_FAIL("half a policy after " + plan[i].name() + " " + plan[i].object());
    }
  }
}

TEST(Plan, NeverPublishesHalfAPolicy) {
  expect_always("each moment has a whole policy, after an interrupted plan, too", [](Dice& dice) {
    World world = random_world(dice);
    Tables tables = tables_of(world.model.state, {});
    std::map<std::string, std::set<Policy>> allowed;
    for (const auto& vpc : vpcs_of(tables)) {
      allowed[vpc].insert(policy_in_force(tables, vpc));
    }
    change(dice, world);
    const auto next = tables_of(world.model.state, tables);
    execute_watched(next, tables, static_cast<std::size_t>(dice.roll(200)), allowed);
    change(dice, world);
    const auto last = tables_of(world.model.state, tables);
    execute_watched(last, tables, SIZE_MAX, allowed);
    RC_ASSERT(tables == last);
  });
}

}  // namespace
}  // namespace caisson::test
