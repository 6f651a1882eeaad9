#include "runner/pool/choose.hh"

#include <gtest/gtest.h>

namespace caisson::runner {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kMiB = 1024 * 1024;

EnvironmentView environment(EnvironmentId id, const char* deployment, Phase phase, int used_at = 0) {
  return {.id = id,
          .deployment = deployment,
          .phase = phase,
          .last_used = Moment(milliseconds(used_at)),
          .memory_bytes = 128 * kMiB};
}

struct Case {
  const char* name;
  std::vector<EnvironmentView> environments;
  bool snapshot;
  bool preparing;
  Choice expected;
};

/// At most three environments and 3 x 128 MiB; wanted is one of deployment "a".
Choice choose_in(const Case& one) {
  return choose({.environments = one.environments,
                 .limits = {.environments = 3, .memory_bytes = 384 * kMiB},
                 .snapshot = one.snapshot,
                 .preparing = one.preparing},
                {.deployment = "a", .memory_bytes = 128 * kMiB});
}

TEST(Choose, Table) {
  EnvironmentView retired = environment(1, "a", Phase::kIdle);
  retired.retired = true;
  EnvironmentView large = environment(1, "b", Phase::kFrozen, 1);
  large.memory_bytes = 384 * kMiB;
  const Case cases[] = {
      {"an empty pool without a snapshot boots", {}, false, false, {Action::kBoot, 0, {}}},
      {"an empty pool restores", {}, true, false, {Action::kRestore, 0, {}}},
      {"a snapshot that is being made is waited for", {}, false, true, {Action::kWait, 0, {}}},
      {"one that is being made anew is not", {}, true, true, {Action::kRestore, 0, {}}},
      {"idle before frozen",
       {environment(1, "a", Phase::kFrozen, 9), environment(2, "a", Phase::kIdle, 1)},
       true,
       false,
       {Action::kReuse, 2, {}}},
      {"the most recently used idle one",
       {environment(1, "a", Phase::kIdle, 1), environment(2, "a", Phase::kIdle, 2)},
       true,
       false,
       {Action::kReuse, 2, {}}},
      {"frozen before a restore", {environment(1, "a", Phase::kFrozen)}, true, false, {Action::kThaw, 1, {}}},
      {"also while a snapshot is made",
       {environment(1, "a", Phase::kFrozen)},
       false,
       true,
       {Action::kThaw, 1, {}}},
      {"one that freezes is waited for",
       {environment(1, "a", Phase::kFreezing)},
       true,
       false,
       {Action::kWait, 0, {}}},
      {"another function's environments are not taken",
       {environment(1, "b", Phase::kIdle)},
       true,
       false,
       {Action::kRestore, 0, {}}},
      {"busy ones are not taken",
       {environment(1, "a", Phase::kBusy)},
       true,
       false,
       {Action::kRestore, 0, {}}},
      {"starting ones belong to someone",
       {environment(1, "a", Phase::kStarting)},
       true,
       false,
       {Action::kRestore, 0, {}}},
      {"retired ones are not taken", {retired}, true, false, {Action::kRestore, 0, {}}},
      {"full: the least recently used of others goes",
       {environment(1, "b", Phase::kFrozen, 2), environment(2, "c", Phase::kIdle, 1),
        environment(3, "b", Phase::kBusy)},
       true,
       false,
       {Action::kRestore, 0, {2}}},
      {"full of memory: as many go as are needed", {large}, true, false, {Action::kRestore, 0, {1}}},
      {"full of invocations is refused",
       {environment(1, "a", Phase::kBusy), environment(2, "b", Phase::kBusy),
        environment(3, "b", Phase::kStarting)},
       true,
       false,
       {Action::kRefuse, 0, {}}},
      {"full, but one is closing: wait",
       {environment(1, "a", Phase::kBusy), environment(2, "b", Phase::kBusy),
        environment(3, "b", Phase::kClosing)},
       true,
       false,
       {Action::kWait, 0, {}}},
      {"full, but one is being prepared: wait, it ends by itself",
       {environment(1, "a", Phase::kBusy), environment(2, "b", Phase::kBusy),
        environment(3, "b", Phase::kPreparing)},
       true,
       false,
       {Action::kWait, 0, {}}},
      {"full, but one is freezing: wait, it can be killed then",
       {environment(1, "a", Phase::kBusy), environment(2, "b", Phase::kBusy),
        environment(3, "b", Phase::kFreezing)},
       true,
       false,
       {Action::kWait, 0, {}}},
  };
  for (const Case& one : cases) {
    const Choice choice = choose_in(one);
    EXPECT_EQ(choice.action, one.expected.action) << one.name;
    EXPECT_EQ(choice.environment, one.expected.environment) << one.name;
    EXPECT_EQ(choice.evict, one.expected.evict) << one.name;
  }
}

TEST(MakeRoom, RetiredOnesGoFirst) {
  EnvironmentView retired = environment(2, "b", Phase::kFrozen, 9);
  retired.retired = true;
  const PoolView pool{.environments = {environment(1, "b", Phase::kFrozen, 1), retired},
                      .limits = {.environments = 2, .memory_bytes = 1024 * kMiB}};
  EXPECT_EQ(make_room(pool, kMiB), std::vector<EnvironmentId>{2});
}

TEST(LimitInTheWay, IsTheOneThatIsReached) {
  PoolView pool{.environments = {environment(1, "a", Phase::kBusy, 1)},
                .limits = {.environments = 2, .memory_bytes = 1}};
  EXPECT_STREQ(limit_in_the_way(pool), "memory");
  pool.limits.environments = 1;
  EXPECT_STREQ(limit_in_the_way(pool), "environments");
  pool.limits.by_users = true;
  EXPECT_STREQ(limit_in_the_way(pool), "users");
}

TEST(MakeRoom, WhatIsLargerThanTheBudgetNeverFits) {
  EXPECT_EQ(make_room({.environments = {}, .limits = {.environments = 3, .memory_bytes = 10}}, 11),
            std::nullopt);
}

TEST(SurplusSnapshots, LeastRecentlyUsedFirstButNeverTheNewOne) {
  const std::vector<SnapshotView> snapshots = {{"a", 10, Moment(milliseconds(3))},
                                               {"b", 10, Moment(milliseconds(1))},
                                               {"c", 10, Moment(milliseconds(2))}};
  EXPECT_TRUE(surplus_snapshots(snapshots, 30, "a").empty());
  EXPECT_EQ(surplus_snapshots(snapshots, 20, "a"), std::vector<std::string>{"b"});
  EXPECT_EQ(surplus_snapshots(snapshots, 20, "b"), std::vector<std::string>{"c"});
  EXPECT_EQ(surplus_snapshots(snapshots, 0, "b"), (std::vector<std::string>{"c", "a"}));
}

TEST(FindDue, FreezesThenReclaims) {
  const Ages ages{.freeze_after = milliseconds(100), .reclaim_after = milliseconds(1000)};
  const std::vector<EnvironmentView> pool = {environment(1, "a", Phase::kIdle, 0),
                                             environment(2, "a", Phase::kFrozen, 0),
                                             environment(3, "a", Phase::kBusy, 0)};
  Due due = find_due(pool, ages, Moment(milliseconds(50)));
  EXPECT_TRUE(due.freeze.empty() && due.reclaim.empty());
  EXPECT_EQ(due.next, Moment(milliseconds(100)));
  due = find_due(pool, ages, Moment(milliseconds(100)));
  EXPECT_EQ(due.freeze, std::vector<EnvironmentId>{1});
  EXPECT_EQ(due.next, Moment(milliseconds(1000)));
  due = find_due(pool, ages, Moment(milliseconds(1000)));
  EXPECT_EQ(due.reclaim, (std::vector<EnvironmentId>{1, 2}));
  EXPECT_EQ(due.next, std::nullopt);
}

TEST(FindDue, RetiredOnesAtOnce) {
  EnvironmentView retired = environment(1, "a", Phase::kFrozen, 0);
  retired.retired = true;
  EXPECT_EQ(find_due({retired}, {}, Moment()).reclaim, std::vector<EnvironmentId>{1});
}

}  // namespace
}  // namespace caisson::runner
