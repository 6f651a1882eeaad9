#include "runner/pool/choose.hh"

#include <algorithm>

namespace caisson::runner {

namespace {

const EnvironmentView* most_recent(const PoolView& pool, const std::string& deployment, Phase phase) {
  const EnvironmentView* best = nullptr;
  for (const EnvironmentView& one : pool.environments) {
    if (one.retired || one.phase != phase || one.deployment != deployment) continue;
    if (best == nullptr || one.last_used > best->last_used) best = &one;
  }
  return best;
}

bool can_be_evicted(const EnvironmentView& one) {
  return one.phase == Phase::kIdle || one.phase == Phase::kFrozen;
}

/// Retired ones first, then the least recently used.
std::vector<const EnvironmentView*> victims_of(const PoolView& pool) {
  std::vector<const EnvironmentView*> victims;
  for (const EnvironmentView& one : pool.environments) {
    if (can_be_evicted(one)) victims.push_back(&one);
  }
  std::ranges::sort(victims, [](const auto* a, const auto* b) {
    if (a->retired != b->retired) return a->retired;
    return a->last_used < b->last_used;
  });
  return victims;
}

void offer(std::optional<Moment>& next, Moment moment) {
  if (!next || moment < *next) next = moment;
}

}  // namespace

bool room_is_coming(const PoolView& pool) {
  return std::ranges::any_of(pool.environments, [](const EnvironmentView& one) {
    return one.phase == Phase::kClosing || one.phase == Phase::kFreezing || one.phase == Phase::kPreparing;
  });
}

const char* limit_in_the_way(const PoolView& pool) {
  if (pool.environments.size() < pool.limits.environments) return "memory";
  return pool.limits.by_users ? "users" : "environments";
}

std::optional<EnvironmentId> first_victim(const PoolView& pool) {
  const auto order = victims_of(pool);
  if (order.empty()) return std::nullopt;
  return order.front()->id;
}

std::optional<std::vector<EnvironmentId>> make_room(const PoolView& pool, std::uint64_t memory_bytes) {
  std::size_t count = pool.environments.size();
  std::uint64_t used = 0;
  for (const EnvironmentView& one : pool.environments)
    used += one.memory_bytes;
  const std::vector<const EnvironmentView*> victims = victims_of(pool);
  std::vector<EnvironmentId> evict;
  for (auto victim = victims.begin();
       count + 1 > pool.limits.environments || used + memory_bytes > pool.limits.memory_bytes; ++victim) {
    if (victim == victims.end()) return std::nullopt;
    evict.push_back((*victim)->id);
    used -= (*victim)->memory_bytes;
    --count;
  }
  return evict;
}

Choice choose(const PoolView& pool, const Wanted& wanted) {
  if (const auto* idle = most_recent(pool, wanted.deployment, Phase::kIdle))
    return {Action::kReuse, idle->id, {}};
  if (const auto* frozen = most_recent(pool, wanted.deployment, Phase::kFrozen)) {
    return {Action::kThaw, frozen->id, {}};
  }
  if (most_recent(pool, wanted.deployment, Phase::kFreezing) != nullptr) return {Action::kWait, 0, {}};
  if (!pool.snapshot && pool.preparing) return {Action::kWait, 0, {}};
  auto evict = make_room(pool, wanted.memory_bytes);
  if (!evict) return {room_is_coming(pool) ? Action::kWait : Action::kRefuse, 0, {}};
  return {pool.snapshot ? Action::kRestore : Action::kBoot, 0, std::move(*evict)};
}

std::vector<std::string> surplus_snapshots(std::vector<SnapshotView> snapshots, std::uint64_t budget_bytes,
                                           const std::string& keep) {
  std::uint64_t used = 0;
  for (const SnapshotView& one : snapshots)
    used += one.bytes;
  std::ranges::sort(snapshots, {}, &SnapshotView::last_used);
  std::vector<std::string> surplus;
  for (const SnapshotView& one : snapshots) {
    if (used <= budget_bytes) break;
    if (one.deployment == keep) continue;
    surplus.push_back(one.deployment);
    used -= one.bytes;
  }
  return surplus;
}

Due find_due(const std::vector<EnvironmentView>& environments, const Ages& ages, Moment now) {
  Due due;
  for (const EnvironmentView& one : environments) {
    if (!can_be_evicted(one)) continue;
    const Moment reclaim = one.last_used + ages.reclaim_after;
    const Moment freeze = one.last_used + ages.freeze_after;
    if (one.retired || reclaim <= now) {
      due.reclaim.push_back(one.id);
    } else if (one.phase == Phase::kIdle && freeze <= now) {
      due.freeze.push_back(one.id);
    } else {
      offer(due.next, one.phase == Phase::kIdle ? std::min(freeze, reclaim) : reclaim);
    }
  }
  return due;
}

}  // namespace caisson::runner
