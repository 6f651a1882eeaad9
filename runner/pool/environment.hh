// What the pool knows of execution environments: two narrow interfaces, so that its logic needs no microVMs.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hh"
#include "runner/functions/function.hh"
#include "vmm/micro_vm.hh"

namespace caisson::runner {

/// One network interface that a deployment's environments may use.
struct Placement {
  std::string interface;  ///< "eni-..."
  std::string subnet;
  std::string vpc;  ///< empty: the managed segment
};

/// A function with settings that were put in force together; environments and snapshots are of one
/// deployment.
struct Deployment {
  FunctionKey key;
  std::string id;
  Settings settings;
  std::vector<Placement> placements;  ///< at least one; environments take turns
  std::string code_path;              ///< the squashfs
  std::atomic<bool> retired = false;  ///< its environments end after their current invocation
};
using DeploymentPointer = std::shared_ptr<Deployment>;

struct Invocation {
  std::string request_id;
  std::string arn;
  std::string trace_id;
  std::string client_context;
  std::string payload;
  std::chrono::milliseconds timeout{};
};

/// How an invocation ended.
struct Outcome {
  enum class Kind {
    kResponse,
    kError,    ///< the handler's error, an exit, a response that is too large: `payload` is the error's JSON
    kTimeout,  ///< the environment was reset or is broken
    kLost,     ///< the microVM died or broke the protocol; `error_type` says how
    kUndelivered,  ///< the same before it had the event: another environment can take it
  };
  Kind kind = Kind::kResponse;
  std::string payload;
  std::string error_type;
  std::chrono::microseconds duration{};
  std::int64_t max_memory_mib = 0;
  std::string log;     ///< the last bytes that the function wrote
  bool usable = true;  ///< may the environment serve again?
};

/// An attached microVM with an initialised runtime. Used by one thread at a time. Its destructor kills the
/// microVM and returns its slot; that blocks for some milliseconds.
class Environment {
 public:
  virtual ~Environment() = default;
  /// Total: what goes wrong is an Outcome.
  virtual Outcome invoke(const Invocation& invocation) = 0;
  /// Seals the slot, then pauses. After an error the environment is of no use.
  virtual Status freeze() = 0;
  /// Resumes, sets the clock, and opens the slot when the agent has acknowledged.
  virtual Status thaw() = 0;
  /// Becomes readable when the microVM has ended; -1: never.
  [[nodiscard]] virtual int exit_fd() const = 0;
};

/// netd has no slot left: another environment must end first.
inline constexpr const char* kNoFreeSlot = "NoFreeSlot";

using SnapshotPointer = std::shared_ptr<const vmm::Snapshot>;

/// Makes environments and what they need. Thread-safe; all calls block.
///
/// Error codes that callers tell apart: kNoFreeSlot; "FunctionError.RuntimeInitError", "FunctionError.InitTimeout"
/// (message: the error's JSON), netd's codes, anything else is internal.
class EnvironmentFactory {
 public:
  virtual ~EnvironmentFactory() = default;

  /// The interfaces for `user` (see interface_user), made where they don't exist yet. Idempotent.
  virtual Result<std::vector<Placement>> place(const std::string& account, const std::string& user,
                                               const VpcSettings& vpc) = 0;
  virtual Status release(const std::string& account, const std::string& user) = 0;
  struct User {
    std::string account;
    std::string user;
  };
  virtual Result<std::vector<User>> users() = 0;

  /// Boots, attaches, initialises, seals, takes the snapshot. `begun` is called, on this thread, when it has the slot
  /// and the user that it needs: from then on its end is near. Again, if a lost microVM is replaced.
  virtual Result<SnapshotPointer> prepare(const Deployment& deployment,
                                          const std::function<void()>& begun) = 0;
  virtual Result<std::unique_ptr<Environment>> restore(const Deployment& deployment,
                                                       const SnapshotPointer& snapshot) = 0;
  virtual Result<std::unique_ptr<Environment>> boot(const Deployment& deployment) = 0;
};

}  // namespace caisson::runner
