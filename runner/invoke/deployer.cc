#include "runner/invoke/deployer.hh"

#include <spdlog/spdlog.h>

#include <array>
#include <limits>
#include <set>
#include <utility>

#include "base/hex.hh"
#include "runner/invoke/log_tail.hh"

namespace caisson::runner {

namespace {

Error not_found(const std::string& arn) {
  return {.code = "ResourceNotFoundException", .message = "Function not found: " + arn};
}

Error conflict(std::string message) {
  return {.code = "ResourceConflictException", .message = std::move(message)};
}

Error invalid(std::string message) {
  return {.code = "InvalidParameterValueException", .message = std::move(message)};
}

constexpr std::size_t kMaxReason = 2048;

struct Mapping {
  std::string_view prefix;  ///< of netd's error code
  const char* reason;
  bool callers;
};

constexpr std::array kMappings = {
    Mapping{"InvalidSubnetID", "InvalidSubnet", true},
    Mapping{"InvalidSubnet", "InvalidSubnet", true},
    Mapping{"InvalidGroup", "InvalidSecurityGroup", true},
    Mapping{"InvalidSecurityGroup", "InvalidSecurityGroup", true},
    Mapping{"InvalidParameter", "InvalidConfiguration", true},
    Mapping{"InsufficientFreeAddressesInSubnet", "SubnetOutOfIPAddresses", false},
    Mapping{"BlocksExhausted", "SubnetOutOfIPAddresses", false},  // with another address there would be more
    Mapping{"NetworkInterfaceLimitExceeded", "EniLimitExceeded", false},
    Mapping{"InvalidRuntime", "InvalidRuntime", false},
};

const Mapping* find_mapping(const Error& error) {
  for (const Mapping& one : kMappings) {
    if (error.code.starts_with(one.prefix)) return &one;
  }
  return nullptr;
}

}  // namespace

Reason reason_of(const Error& error) {
  // The message is the guest's, as long as it likes.
  if (error.code.starts_with("FunctionError.")) return {error.code, error.message.substr(0, kMaxReason)};
  if (const Mapping* mapping = find_mapping(error)) return {mapping->reason, error.message};
  return {"InternalError", "The function could not be prepared: " + error.text()};
}

bool is_callers(const Error& error) {
  const Mapping* mapping = find_mapping(error);
  return mapping != nullptr && mapping->callers;
}

void Deployer::touch(Function& function) const {
  function.revision = random_uuid();
  function.last_modified = utc_time(std::chrono::system_clock::now(), "+0000");
}

Result<Registry::Pointer> Deployer::get(const FunctionKey& key) const {
  Registry::Pointer found = parts_.registry.find(key);
  if (!found) return not_found(function_arn(parts_.region, key));
  return found;
}

Result<DeploymentPointer> Deployer::make(const FunctionKey& key, const std::string& id,
                                         const Settings& settings) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = deployments_.find(id); found != deployments_.end()) return found->second;
  }
  auto made = std::make_shared<Deployment>();
  made->key = key;
  made->id = id;
  made->settings = settings;
  made->code_path = parts_.code.path(settings.code.file);
  TRY(made->placements, parts_.factory.place(key.account, interface_user(key.name, id), settings.vpc));
  const std::lock_guard lock(mutex_);
  return deployments_.emplace(id, std::move(made)).first->second;  // another thread's, if it came first
}

Result<DeploymentPointer> Deployer::deployment(const Function& function) {
  auto made = make(function.key, function.deployment, function.current);
  const Registry::Pointer now = parts_.registry.find(function.key);
  if (now && now->deployment == function.deployment) return made;
  // Replaced or deleted since the caller looked it up: what has just been made would belong to nothing.
  retire(function.key, function.deployment, {});
  return Error{.code = "Retired", .message = "deployment " + function.deployment + " is no longer in force"};
}

/// Makes the interfaces and answers with the VPC's id. Only what is the caller's fault is an error here; the rest is
/// tried again in the background, where it becomes the function's state.
Result<std::string> Deployer::place_new(const FunctionKey& key, const std::string& id,
                                        const Settings& settings) {
  auto made = make(key, id, settings);
  if (made) return made.value()->placements.front().vpc;
  if (made.error().code == "NetdUnavailable") return std::move(made).error();
  if (!is_callers(made.error())) return settings.vpc.vpc;
  return invalid("Error occurred while preparing the network interfaces. EC2 error code: " +
                 made.error().code + ". EC2 error message: " + made.error().message);
}

Status Deployer::check_storage(const FunctionKey& key, std::uint64_t bytes) const {
  const auto functions = parts_.registry.list(key.account, "", std::numeric_limits<std::size_t>::max());
  return check_code_storage(functions, bytes, parts_.code_storage_bytes);
}

Result<Function> Deployer::create(const FunctionKey& key, const CreateRequest& request) {
  const auto exists = [&key] { return conflict("Function already exist: " + key.name); };
  if (parts_.registry.find(key)) return exists();
  TRYV(check_storage(key, request.zip.size()));
  TRY(CodePackage package, parts_.code.take(request.zip));
  Function function;
  function.key = key;
  function.current = request.settings;
  function.current.code = package;
  function.deployment = random_uuid();
  function.tags = request.tags;
  function.state_reason = {"Creating", "The function is being created."};
  touch(function);
  auto undo = [&](Error error) {
    retire(key, function.deployment, package.file);
    return error;
  };
  Lock lock(changes_);
  if (parts_.registry.find(key)) return undo(exists());
  // Taking the package took time: look again.
  if (const Status fits = check_storage(key, package.bytes); !fits) return undo(fits.error());
  auto vpc = place_new(key, function.deployment, function.current);
  if (!vpc) return undo(std::move(vpc).error());
  function.current.vpc.vpc = std::move(vpc).value();
  if (const Status put = parts_.registry.put(function); !put) return undo(put.error());
  lock.unlock();
  parts_.background([this, key, id = function.deployment] { deploy_new(key, id); });
  return function;
}

Status Deployer::check_changeable(const Function& function, const std::string& revision) const {
  if (!revision.empty() && revision != function.revision) {
    return Error{.code = "PreconditionFailedException",
                 .message =
                     "The Revision Id provided does not match the latest Revision Id. Call the "
                     "GetFunction/GetAlias API to retrieve the latest Revision Id"};
  }
  const std::string arn = function_arn(parts_.region, function.key);
  if (function.state == State::kPending) {
    return conflict(
        "The operation cannot be performed at this time. The function is currently in the following "
        "state: Pending");
  }
  if (function.update_status == UpdateStatus::kInProgress) {
    return conflict(
        "The operation cannot be performed at this time. An update is in progress for resource: " + arn);
  }
  return ok();
}

Result<Function> Deployer::begin_update(Function function, Settings next) {
  touch(function);
  if (!needs_new_environments(function.current, next) && function.state == State::kActive) {
    function.current = std::move(next);
    function.update_status = UpdateStatus::kSuccessful;
    function.update_reason = {};
    TRYV(parts_.registry.put(function));
    return function;
  }
  function.next_deployment = random_uuid();
  auto vpc = place_new(function.key, function.next_deployment, next);
  if (!vpc) {
    retire(function.key, function.next_deployment, {});
    return std::move(vpc).error();
  }
  next.vpc.vpc = std::move(vpc).value();
  function.next = std::move(next);
  function.update_status = UpdateStatus::kInProgress;
  function.update_reason = {"Creating", "The function is being updated."};
  if (const Status put = parts_.registry.put(function); !put) {
    retire(function.key, function.next_deployment, {});
    return put.error();
  }
  parts_.background([this, key = function.key, id = function.next_deployment] { deploy_update(key, id); });
  return function;
}

Result<Function> Deployer::update_configuration(const FunctionKey& key, std::string_view body) {
  const Lock lock(changes_);
  TRY(const Registry::Pointer found, get(key));
  TRY(ConfigurationRequest request, parse_configuration(body, found->current, parts_.offer));
  TRYV(check_changeable(*found, request.revision));
  return begin_update(*found, std::move(request.settings));
}

Result<Function> Deployer::update_code(const FunctionKey& key, const CodeRequest& request) {
  {
    TRY(const Registry::Pointer found, get(key));
    TRYV(check_changeable(*found, request.revision));
    TRYV(check_storage(key, request.zip.size()));
  }
  TRY(CodePackage package, parts_.code.take(request.zip));
  const auto undo = [&](const Error& error) {
    parts_.code.remove(package.file);
    return error;
  };
  const Lock lock(changes_);
  auto found = get(key);
  if (!found) return undo(found.error());
  // Taking the package took time: look again.
  if (const Status status = check_changeable(*found.value(), request.revision); !status)
    return undo(status.error());
  if (const Status fits = check_storage(key, package.bytes); !fits) return undo(fits.error());
  Settings next = found.value()->current;
  next.code = package;
  if (request.dry_run) {
    parts_.code.remove(package.file);
    Function shown = *found.value();
    shown.current = std::move(next);
    return shown;
  }
  auto updated = begin_update(*found.value(), std::move(next));
  if (!updated) return undo(updated.error());
  return updated;
}

Status Deployer::remove(const FunctionKey& key) {
  const Lock lock(changes_);
  TRY(const Registry::Pointer found, get(key));
  TRYV(parts_.registry.remove(key));
  retire(key, found->deployment, found->current.code.file);
  if (found->next) {
    const bool own_code = found->next->code.file != found->current.code.file;
    retire(key, found->next_deployment, own_code ? found->next->code.file : std::string());
  }
  return ok();
}

/// Ends a deployment: its environments first, then its interfaces and (if named) its code.
void Deployer::retire(const FunctionKey& key, const std::string& id, const std::string& code_file) {
  DeploymentPointer ended;
  {
    const std::lock_guard lock(mutex_);
    const auto found = deployments_.find(id);
    if (found != deployments_.end()) {
      ended = found->second;
      deployments_.erase(found);
    }
  }
  auto gone = [this, key, id, code_file] {
    const Status released = parts_.factory.release(key.account, interface_user(key.name, id));
    if (!released)
      spdlog::warn("function {}: its interfaces stay until the next start: {}", key.name,
                   released.error().text());
    if (!code_file.empty()) parts_.code.remove(code_file);
  };
  if (!ended) return gone();
  parts_.pool.retire(ended, [this, gone] { parts_.background(gone); });
}

Status Deployer::prepare(const FunctionKey& key, const std::string& id, const Settings& settings) {
  TRY(const DeploymentPointer deployment, make(key, id, settings));
  return parts_.pool.prepare(deployment);
}

bool Deployer::store(const Function& function) {
  const Status put = parts_.registry.put(function);
  if (!put) {
    spdlog::error("function {}: its state could not be stored: {}", function.key.name, put.error().text());
  }
  return static_cast<bool>(put);
}

void Deployer::deploy_new(const FunctionKey& key, const std::string& id) {
  const Registry::Pointer found = parts_.registry.find(key);
  if (!found || found->deployment != id) return;
  const Status prepared = prepare(key, id, found->current);
  const Lock lock(changes_);
  const Registry::Pointer now = parts_.registry.find(key);
  if (!now || now->deployment != id) return retire(key, id, {});  // deleted meanwhile
  Function function = *now;
  function.state = prepared ? State::kActive : State::kFailed;
  function.state_reason = prepared ? Reason{} : reason_of(prepared.error());
  function.update_status = prepared ? UpdateStatus::kSuccessful : UpdateStatus::kFailed;
  function.update_reason = function.state_reason;
  if (prepared) {
    spdlog::info("function {} is active", key.name);
  } else {
    spdlog::warn("function {} failed: {}", key.name, prepared.error().text());
    retire(key, id, {});  // an update brings another deployment, this one is not used again
  }
  (void)store(function);
}

void Deployer::deploy_update(const FunctionKey& key, const std::string& id) {
  const Registry::Pointer found = parts_.registry.find(key);
  if (!found || found->next_deployment != id || !found->next) return;
  const Status prepared = prepare(key, id, *found->next);
  const Lock lock(changes_);
  const Registry::Pointer now = parts_.registry.find(key);
  if (!now || now->next_deployment != id || !now->next) return retire(key, id, {});
  Function function = *now;
  const bool new_code = function.next->code.file != function.current.code.file;
  std::string ended = std::exchange(function.next_deployment, {});
  std::string ended_code = function.next->code.file;
  if (prepared) {
    ended_code = function.current.code.file;
    function.current = *function.next;
    ended = std::exchange(function.deployment, std::move(ended));
    function.state = State::kActive;
    function.state_reason = {};
  }
  function.next.reset();
  function.update_status = prepared ? UpdateStatus::kSuccessful : UpdateStatus::kFailed;
  function.update_reason = prepared ? Reason{} : reason_of(prepared.error());
  if (!prepared) spdlog::warn("update of function {} failed: {}", key.name, prepared.error().text());
  // What the registry names stays: the old deployment serves, and the next start carries the update out.
  if (store(function)) retire(key, ended, new_code ? ended_code : std::string());
}

void Deployer::warm_again(const FunctionKey& key) {
  const Registry::Pointer function = parts_.registry.find(key);
  if (!function) return;
  parts_.background([this, key, id = function->deployment] { warm(key, id); });
}

void Deployer::warm(const FunctionKey& key, const std::string& id) {
  const Registry::Pointer found = parts_.registry.find(key);
  if (!found || found->deployment != id) return;
  const Status prepared = prepare(key, id, found->current);
  // Not the function's state: its invocations boot, and tell their caller what is wrong.
  if (!prepared) spdlog::warn("function {}: no snapshot: {}", key.name, prepared.error().text());
}

void Deployer::release_unknown() {
  const auto users = parts_.factory.users();
  if (!users) {
    spdlog::warn("netd's interface users can't be listed: {}", users.error().text());
    return;
  }
  std::set<std::pair<std::string, std::string>> known;
  for (const Registry::Pointer& one : parts_.registry.all()) {
    known.emplace(one->key.account, interface_user(one->key.name, one->deployment));
    if (one->next) known.emplace(one->key.account, interface_user(one->key.name, one->next_deployment));
  }
  for (const EnvironmentFactory::User& user : users.value()) {
    if (known.contains({user.account, user.user})) continue;
    spdlog::info("releasing the interfaces of {}, which belong to no function", user.user);
    (void)parts_.factory.release(user.account, user.user);
  }
}

void Deployer::recover() {
  const Lock lock(changes_);
  std::set<std::string> files;
  for (const Registry::Pointer& one : parts_.registry.all()) {
    files.insert(one->current.code.file);
    if (one->next) files.insert(one->next->code.file);
  }
  if (const auto pruned = parts_.code.prune(files); pruned && pruned.value() > 0) {
    spdlog::info("deleted {} files that belong to no function", pruned.value());
  }
  release_unknown();
  for (const Registry::Pointer& one : parts_.registry.all()) {
    if (one->state == State::kPending) {
      parts_.background([this, key = one->key, id = one->deployment] { deploy_new(key, id); });
    }
    if (one->state == State::kActive) {
      parts_.background([this, key = one->key, id = one->deployment] { warm(key, id); });
    }
    if (one->next) {
      parts_.background([this, key = one->key, id = one->next_deployment] { deploy_update(key, id); });
    }
  }
}

}  // namespace caisson::runner
