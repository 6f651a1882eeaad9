// Functions are made, changed and deleted here, and what stands behind them with them.
//
// A change is checked and committed to the registry in the caller's thread; its deployment (interfaces, snapshot) is
// made by background workers, which then switch the function over or mark it as failed. Interfaces of a deployment
// are named after it (interface_user), so that a start can tell which of netd's belong to no function.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.hh"
#include "runner/functions/code_storage.hh"
#include "runner/functions/code_store.hh"
#include "runner/functions/registry.hh"
#include "runner/functions/request.hh"
#include "runner/pool/environment.hh"
#include "runner/pool/pool.hh"

namespace caisson::runner {

/// Which reason code (Lambda's State/LastUpdateStatusReasonCode) an error of preparing a deployment becomes.
Reason reason_of(const Error& error);

/// Is the error the caller's (a subnet or group that does not exist)? Then CreateFunction answers with
/// InvalidParameterValueException instead of leaving a function that failed.
bool is_callers(const Error& error);

/// Thread-safe. Errors are Lambda's: ResourceNotFoundException, ResourceConflictException,
/// PreconditionFailedException, InvalidParameterValueException, CodeStorageExceededException, ServiceException, and those
/// of request.hh.
class Deployer {
 public:
  using Run = std::function<void(std::function<void()>)>;

  struct Parts {
    Registry& registry;
    const CodeStore& code;
    EnvironmentFactory& factory;
    Pool& pool;
    std::string region;
    Offer offer;
    std::uint64_t code_storage_bytes = kCodeStorageBytes;  ///< of each account
    Run background;  ///< runs a job on a thread that lives as long as the process
  };
  explicit Deployer(Parts parts) : parts_(std::move(parts)) {}

  /// Once, when netd can be asked: deletes code that no function has, releases interfaces that none has, continues
  /// what was pending and rebuilds the snapshots of active functions.
  void recover();

  Result<Function> create(const FunctionKey& key, const CreateRequest& request);
  Result<Function> update_configuration(const FunctionKey& key, std::string_view body);
  Result<Function> update_code(const FunctionKey& key, const CodeRequest& request);
  Status remove(const FunctionKey& key);

  [[nodiscard]] Result<Registry::Pointer> get(const FunctionKey& key) const;
  /// What serves the function's invocations now. Errors: "Retired" (look it up again), the factory's.
  Result<DeploymentPointer> deployment(const Function& function);
  /// The function's snapshot is gone (the budget's doing): has it made again.
  void warm_again(const FunctionKey& key);

 private:
  using Lock = std::unique_lock<std::mutex>;

  Result<DeploymentPointer> make(const FunctionKey& key, const std::string& id, const Settings& settings);
  [[nodiscard]] Status check_storage(const FunctionKey& key, std::uint64_t bytes) const;
  Status check_changeable(const Function& function, const std::string& revision) const;
  Result<Function> begin_update(Function function, Settings next);
  Result<std::string> place_new(const FunctionKey& key, const std::string& deployment,
                                const Settings& settings);
  void deploy_new(const FunctionKey& key, const std::string& id);
  void deploy_update(const FunctionKey& key, const std::string& id);
  void warm(const FunctionKey& key, const std::string& id);
  Status prepare(const FunctionKey& key, const std::string& id, const Settings& settings);
  void retire(const FunctionKey& key, const std::string& id, const std::string& code_file);
  /// False, and it is logged: it could not be stored.
  bool store(const Function& function);
  void release_unknown();
  void touch(Function& function) const;

  Parts parts_;
  std::mutex changes_;  ///< one change of the registry at a time: API workers and background workers
  std::mutex mutex_;    ///< guards deployments_
  std::map<std::string, DeploymentPointer> deployments_;
};

}  // namespace caisson::runner
