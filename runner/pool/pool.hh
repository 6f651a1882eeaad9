// The pool: which environments and snapshots exist, and who uses them.
//
// Life of an entry:   starting -> busy <-> idle -> freezing -> frozen -> (thawed) busy ...   any -> closing
// -> gone Decisions are choose.hh's; this class keeps the state they look at and carries them out. The mutex
// is held for looks and changes of state only, never while a microVM is started, frozen or killed: the phase
// keeps others off. Nor does one thread wait for one microVM after another: a QEMU that is stopped answers nobody, and
// costs only who wanted it the time-out.
#pragma once

#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"
#include "runner/pool/choose.hh"
#include "runner/pool/environment.hh"

namespace caisson::runner {

enum class StartKind { kReused, kThawed, kRestored, kBooted };
const char* text(StartKind kind);

struct PoolSettings {
  Limits limits;
  Ages ages;
  std::uint64_t snapshot_bytes = 2ULL << 30;
  /// What an environment of a function with so many MiB of memory can take of the budget.
  std::function<std::uint64_t(int memory_mib)> environment_bytes = [](int memory_mib) {
    return static_cast<std::uint64_t>(memory_mib) << 20;
  };
  std::chrono::milliseconds patience{60'000};  ///< how long an invocation waits for an environment
  /// Told of each start ("restore", "boot", "thaw", "prepare"), from any thread; may be empty.
  std::function<void(const char* what, double seconds, bool succeeded)> on_start;
  /// Told of each time that something was refused or given up for want of "environments", "memory", "slots", "users"
  /// or "snapshots" (memory for them), from any thread; may be empty.
  std::function<void(const char* what)> on_exhausted;
};

struct PoolStats {
  std::map<std::string, std::size_t> environments;  ///< by phase: "busy", "idle", ...
  std::size_t snapshots = 0;
  std::uint64_t snapshot_bytes = 0;
};

/// Thread-safe.
class Pool {
 public:
  /// An environment in use; gives it back when destroyed.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    [[nodiscard]] Environment& environment() const { return *environment_; }
    [[nodiscard]] StartKind how() const { return how_; }
    [[nodiscard]] std::chrono::microseconds start_duration() const { return start_duration_; }
    /// It is not to be used again.
    void discard() { usable_ = false; }

   private:
    friend class Pool;
    Lease() = default;
    Pool* pool_ = nullptr;
    EnvironmentId id_ = 0;
    Environment* environment_ = nullptr;
    StartKind how_ = StartKind::kReused;
    std::chrono::microseconds start_duration_{};
    bool usable_ = true;
  };

  Pool(EnvironmentFactory& factory, PoolSettings settings);
  /// Kills all environments; there must be no leases.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// An environment of the deployment. Errors: "TooManyRequestsException"; "Retired" (look up the function
  /// again); "ServiceException" when none became available in time; the factory's.
  Result<Lease> acquire(const DeploymentPointer& deployment);

  /// Makes the deployment's snapshot, unless it is there. Errors: as acquire.
  Status prepare(const DeploymentPointer& deployment);

  /// Nothing new starts; idle environments are killed now, busy ones after their invocation. `gone` is called
  /// once, from any thread, when the last has ended.
  void retire(const DeploymentPointer& deployment, std::function<void()> gone);

  /// Ends the pool's work: nothing new starts, what rests is killed now, what is in use when it is given back.
  /// Waits for the latter up to `patience`; true: all have ended.
  bool shut_down(std::chrono::milliseconds patience);

  [[nodiscard]] PoolStats stats() const;

 private:
  struct Entry {
    EnvironmentView view;
    DeploymentPointer deployment;
    std::unique_ptr<Environment> environment;
  };
  struct StoredSnapshot {
    SnapshotPointer snapshot;
    Moment last_used;
  };
  using Lock = std::unique_lock<std::mutex>;

  [[nodiscard]] std::uint64_t memory_of(const Deployment& deployment) const {
    return settings_.environment_bytes(deployment.settings.memory_mib);
  }
  PoolView view_for(const Deployment& deployment) const;
  Result<Lease> carry_out(Lock& lock, const Choice& choice, const DeploymentPointer& deployment);
  Result<Lease> start(Lock& lock, const Choice& choice, const DeploymentPointer& deployment);
  Result<Lease> thaw(Lock& lock, EnvironmentId id);
  Lease lease(Entry& entry, StartKind how, Moment since);
  EnvironmentId add(const DeploymentPointer& deployment);
  Result<EnvironmentId> reserve(Lock& lock, const DeploymentPointer& deployment);
  Status prepare_alone(Lock& lock, const DeploymentPointer& deployment);
  void store(const DeploymentPointer& deployment, SnapshotPointer snapshot);
  /// Calls `make` without the lock; while it finds no free slot, ends another environment and calls it again. If there
  /// is none that could be ended, who is patient waits for a slot nevertheless.
  template <class Make>
  auto make_with_slot(Lock& lock, const Make& make, bool patient = false) -> decltype(make());
  bool free_a_slot(Lock& lock, Moment deadline, bool patient);
  void evict(Lock& lock, const std::vector<EnvironmentId>& ids);
  /// Kills and forgets the entry, which no other thread works on; unlocks meanwhile.
  void close(Lock& lock, EnvironmentId id);
  void finish_retirements(Lock& lock);
  void give_back(EnvironmentId id, bool usable);
  /// On a thread of its own.
  void start_freezing(Lock& lock, EnvironmentId id);
  void freeze(EnvironmentId id);
  void keep();
  void wake_keeper();
  void wait_for_work(Lock& lock, std::optional<Moment> next);
  void report(const char* what, Moment since, bool succeeded) const;
  void exhausted(const char* what) const;

  EnvironmentFactory& factory_;
  const PoolSettings settings_;
  mutable std::mutex mutex_;  ///< guards all below; API workers, deployment workers and the keeper come here
  std::condition_variable changed_;
  std::map<EnvironmentId, Entry> entries_;
  std::map<std::string, StoredSnapshot> snapshots_;
  std::set<std::string> preparing_;
  struct Retirement {
    DeploymentPointer deployment;
    std::function<void()> gone;
  };
  std::vector<Retirement> retirements_;
  EnvironmentId next_id_ = 1;
  bool stopping_ = false;
  std::vector<std::future<void>>
      freezing_;  ///< the keeper's: one for each freezing, at most one an environment
  Fd wake_;       ///< eventfd; the keeper polls it beside the microVMs' exits
  std::thread keeper_;
};

}  // namespace caisson::runner
