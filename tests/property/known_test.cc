// A kernel that is only written to, part by part as the commands touch it, ends as one that is compared as a whole.
#include "netd/reconcile/known.hh"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/property/random_model.hh"
#include "tests/support/random_commands.hh"
#include "vpc/compile/compile.hh"

namespace caisson::test {
namespace {

namespace reconcile = netd::reconcile;

/// A kernel as far as plans go. A member's namespace may be missing: then nothing of the member is made.
class Kernel {
 public:
  explicit Kernel(Dice& dice) : dice_(dice) {}
  reconcile::ObservedState holds;

  void execute(const reconcile::Plan& plan) {
    for (const auto& operation : plan) {
      std::visit([this](const auto& what) { perform(what); }, operation.what);
    }
  }

  /// Corrects what `observed` says of the link.
  void look(const std::string& name, reconcile::ObservedState& observed) const {
    copy(name, holds.bridges, observed.bridges);
    copy(name, holds.members, observed.members);
  }

 private:
  template <class Links>
  static void copy(const std::string& name, const Links& from, Links& to) {
    to.erase(name);
    if (const auto found = from.find(name); found != from.end()) to.insert(*found);
  }

  void perform(const reconcile::MakeBridge& made) {
    holds.bridges[made.name] = {.alias = made.alias, .index = ++index_, .up = true};
  }
  void perform(const reconcile::MakeMember& made) {
    if (dice_.one_in(4)) return;
    holds.members[made.port] = {.alias = made.alias,
                                .index = ++index_,
                                .master = holds.bridges.at(made.member.bridge).index,
                                .up = false};
  }
  void perform(const reconcile::OpenMember& opened) {
    if (const auto found = holds.members.find(opened.port); found != holds.members.end()) {
      found->second.up = true;
    }
  }
  void perform(const reconcile::DeleteLink& deleted) {
    holds.bridges.erase(deleted.name);
    holds.members.erase(deleted.name);
  }
  void perform(const reconcile::PutEntry& put) { holds.tables[put.table][put.key] = put.value; }
  void perform(const reconcile::DeleteEntry& deleted) {
    RC_ASSERT(holds.tables[deleted.table].erase(deleted.key) == 1U);
  }
  template <class Other>
  void perform(const Other&) {
    RC_FAIL("a plan of the model alone has no other steps");
  }

  Dice& dice_;
  std::uint32_t index_ = 100;
};

/// As netd does it after each command.
void write_part(const vpc::State& before, const vpc::State& after, const std::set<vpc::VpcId>& touched,
                reconcile::Known& known, Kernel& kernel) {
  const auto was = vpc::compile(before, touched);
  const auto desired = vpc::compile(after, touched);
  auto observed = reconcile::known_part(known, was, desired);
  const auto links_before = observed;
  const auto look = [&](const reconcile::Plan& plan) {
    for (const auto& name : reconcile::links_of(plan)) {
      kernel.look(name, observed);
    }
  };
  const auto links = reconcile::diff_links(desired, observed);
  kernel.execute(links);
  look(links);
  const auto written =
      reconcile::desired_tables(desired, reconcile::indexes_of(observed), observed.tables, {});
  kernel.execute(reconcile::diff_tables(written, observed.tables));
  const auto leftovers = reconcile::diff_leftovers(desired, observed);
  kernel.execute(leftovers);
  look(leftovers);
  reconcile::note_links(known, links_before, observed);
  reconcile::note_written(known, was, written);
}

void expect_agreement(const vpc::State& state, const Kernel& kernel) {
  const auto desired = vpc::compile(state);
  const auto& holds = kernel.holds;
  const auto whole = reconcile::desired_tables(desired, reconcile::indexes_of(holds), holds.tables, {});
  for (const auto& operation : reconcile::diff_tables(whole, holds.tables)) {
    RC_FAIL(operation.name() + " " + operation.object() + ": " + operation.reason);
  }
  for (const auto& operation : reconcile::diff_leftovers(desired, holds)) {
    RC_FAIL(operation.name() + " " + operation.object() + ": " + operation.reason);
  }
  for (const auto& operation : reconcile::diff_links(desired, holds)) {
    // The member's namespace was missing.
    RC_ASSERT(!std::holds_alternative<reconcile::MakeBridge>(operation.what));
    RC_ASSERT(!holds.members.contains(operation.object()));
  }
}

TEST(Known, PartsComeToTheSameAsTheWhole) {
  int applied = 0;
  int retried = 0;
  EXPECT_TRUE(rc::check("the kernel agrees with the model after each command", [&] {
    const auto seed =
        *rc::gen::noShrink(rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint64_t>()));
    Dice dice(seed);
    RandomCommands commands(seed);
    Kernel kernel(dice);
    reconcile::Known known;
    vpc::State state;
    state.services = test_services();
    for (int step = 0; step < 120; ++step) {
      auto result = vpc::apply(state, {.account = {"000000000001"},
                                       .seed = seed + static_cast<std::uint64_t>(step),
                                       .time = "2026-01-01T00:00:00.000Z",
                                       .command = commands.command(state)});
      if (!result) continue;
      ++applied;
      write_part(state, result.value().state, result.value().touched, known, kernel);
      state = std::move(result.value().state);
      expect_agreement(state, kernel);
      retried += vpc::compile(state).members.size() != kernel.holds.members.size() ? 1 : 0;
    }
  }));
  // Far below what is usual: seeds differ, and one in a hundred had less than 50 of the latter.
  EXPECT_GT(applied, 1000);
  EXPECT_GT(retried, 5);
}

TEST(Compile, TheWholeIsItsParts) {
  EXPECT_TRUE(rc::check("the parts of all VPCs are the whole", [&] {
    const auto seed =
        *rc::gen::noShrink(rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint64_t>()));
    Dice dice(seed);
    const World world = random_world(dice);
    vpc::DesiredState sum;
    for (const auto& vpc : world.vpcs) {
      auto part = vpc::compile(world.model.state, {vpc});
      sum.bridges.merge(part.bridges);
      sum.members.merge(part.members);
      sum.enis.merge(part.enis);
      sum.policies.merge(part.policies);
      sum.routes.merge(part.routes);
      sum.resolvers.merge(part.resolvers);
    }
    RC_ASSERT(sum == vpc::compile(world.model.state));
  }));
}

}  // namespace
}  // namespace caisson::test
