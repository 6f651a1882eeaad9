// How an invocation gets its environment: a pure function of the pool.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace caisson::runner {

using Moment = std::chrono::steady_clock::time_point;
using EnvironmentId = std::uint64_t;

enum class Phase {
  kStarting,   ///< waits for what it needs, or is being restored, booted or thawed for an invocation
  kPreparing,  ///< is being booted for a snapshot: it ends by itself, and soon
  kBusy,       ///< serves an invocation
  kIdle,       ///< running, its slot open, waits for the next invocation
  kFreezing,   ///< being sealed and paused
  kFrozen,     ///< sealed and paused
  kClosing,    ///< being killed
};

struct EnvironmentView {
  EnvironmentId id = 0;
  std::string deployment;
  Phase phase = Phase::kStarting;
  Moment last_used;
  std::uint64_t memory_bytes = 0;
  bool retired = false;  ///< never to be used again
};

struct Limits {
  std::size_t environments = 64;
  bool by_users = false;  ///< is it the number of users, one for each, that limits them?
  std::uint64_t memory_bytes = 8ULL << 30;
};

struct PoolView {
  std::vector<EnvironmentView> environments;
  Limits limits;
  bool snapshot = false;   ///< is there a snapshot of the wanted deployment?
  bool preparing = false;  ///< is one being made?
};

struct Wanted {
  std::string deployment;
  std::uint64_t memory_bytes = 0;
};

enum class Action {
  kReuse,    ///< take `environment`, it is running
  kThaw,     ///< take `environment`, it is frozen
  kRestore,  ///< start one from the snapshot
  kBoot,     ///< start one without
  kWait,     ///< look again when the pool has changed
  kRefuse,   ///< TooManyRequestsException: only the end of an invocation could make room
};

struct Choice {
  Action action = Action::kRefuse;
  EnvironmentId environment = 0;  ///< kReuse, kThaw
  std::vector<EnvironmentId>
      evict;  ///< kRestore, kBoot, kWait: to be killed first, least recently used first
};

/// Precedence:
/// 1. an idle environment of the deployment, most recently used first (the rest may freeze and be reclaimed);
/// 2. a frozen one, most recently used first;
/// 3. one that is being frozen: wait for it, thawing is cheaper than a restore;
/// 4. a new one, if it fits, perhaps after killing idle and frozen ones, the least recently used first.
/// Restored
///    if there is a snapshot; waiting if one is being made (its end lets this one be restored); else booted.
///    What does not fit waits while environments are closing, freezing or being prepared, and is refused otherwise.
Choice choose(const PoolView& pool, const Wanted& wanted);

/// Room for one more environment of this size: which to kill; nullopt: there can't be any now.
std::optional<std::vector<EnvironmentId>> make_room(const PoolView& pool, std::uint64_t memory_bytes);

/// Which idle or frozen environment is to go first; nullopt: there is none.
std::optional<EnvironmentId> first_victim(const PoolView& pool);

/// Which limit keeps another environment of that size out: "environments", "users" or "memory".
const char* limit_in_the_way(const PoolView& pool);

/// Do environments end without the end of an invocation? Then waiting helps.
bool room_is_coming(const PoolView& pool);

/// Which snapshots to drop so that the budget holds, least recently used first; `keep` is never among them.
struct SnapshotView {
  std::string deployment;
  std::uint64_t bytes = 0;
  Moment last_used;
};
std::vector<std::string> surplus_snapshots(std::vector<SnapshotView> snapshots, std::uint64_t budget_bytes,
                                           const std::string& keep);

/// What is due by time: freezing of idle environments, reclaiming of idle and frozen ones.
struct Ages {
  std::chrono::milliseconds freeze_after{100};
  std::chrono::milliseconds reclaim_after{std::chrono::minutes{10}};
};
struct Due {
  std::vector<EnvironmentId> freeze;
  std::vector<EnvironmentId> reclaim;
  std::optional<Moment> next;  ///< when something will be due
};
Due find_due(const std::vector<EnvironmentView>& environments, const Ages& ages, Moment now);

}  // namespace caisson::runner
