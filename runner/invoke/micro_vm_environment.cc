#include "runner/invoke/micro_vm_environment.hh"

#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <ctime>
#include <utility>

#include "base/hex.hh"
#include "netd/client/attach_protocol.hh"
#include "runner/invoke/guest_environment.hh"
#include "runner/invoke/limits.hh"
#include "runner/invoke/log_tail.hh"
#include "vmm/agent_client.hh"

namespace caisson::runner {

namespace {

using vmm::AgentClient;
namespace agent = vmm::agent;

/// A leased slot; returned when destroyed, after what was declared behind it.
class Slot {
 public:
  Slot(NetdLink& netd, NetdLink::SlotId id) : netd_(&netd), id_(id) {}
  Slot(Slot&& other) noexcept : netd_(std::exchange(other.netd_, nullptr)), id_(other.id_) {}
  Slot& operator=(Slot&&) = delete;
  ~Slot() {
    if (netd_ != nullptr) netd_->give_back(id_);
  }

  void bind_process(Fd process) const { netd_->bind_process(id_, std::move(process)); }
  [[nodiscard]] Status attach(const std::string& interface) const { return netd_->attach(id_, interface); }
  [[nodiscard]] Status seal() const { return netd_->seal(id_); }
  [[nodiscard]] Status unseal() const { return netd_->unseal(id_); }

 private:
  NetdLink* netd_;
  NetdLink::SlotId id_;
};

class TakenUid {
 public:
  TakenUid(UidRange& range, std::uint32_t uid) : range_(&range), uid_(uid) {}
  TakenUid(TakenUid&& other) noexcept : range_(std::exchange(other.range_, nullptr)), uid_(other.uid_) {}
  TakenUid& operator=(TakenUid&&) = delete;
  ~TakenUid() {
    if (range_ != nullptr) range_->give_back(uid_);
  }

 private:
  UidRange* range_;
  std::uint32_t uid_;
};

/// Tells the observer, if there is one, how long each phase took: from the end of the one before.
class Phases {
 public:
  explicit Phases(const std::function<void(const char*, double)>& observer) : observer_(observer) {}

  void end(const char* phase) {
    const auto now = Clock::now();
    if (observer_) observer_(phase, std::chrono::duration<double>(now - since_).count());
    since_ = now;
  }

 private:
  using Clock = std::chrono::steady_clock;
  const std::function<void(const char*, double)>& observer_;
  Clock::time_point since_ = Clock::now();
};

AgentClient::Deadline in(std::chrono::milliseconds time) {
  return AgentClient::Clock::now() + time;
}

Outcome from_answer(const AgentClient::InvokeResult& answer) {
  Outcome outcome;
  if (const auto* response = std::get_if<agent::Response>(&answer)) {
    outcome.payload = response->payload;
    outcome.duration = std::chrono::microseconds(response->duration_us);
    outcome.max_memory_mib = response->max_memory_mib;
    return outcome;
  }
  const auto& error = std::get<agent::InvokeError>(answer);
  outcome.kind = Outcome::Kind::kError;
  outcome.payload = error.payload;
  outcome.error_type = error.error_type;
  outcome.duration = std::chrono::microseconds(error.duration_us);
  outcome.max_memory_mib = error.max_memory_mib;
  return outcome;
}

}  // namespace

/// The order of the members is the order of the end, backwards: the agent's client, QEMU, its group, its user, its slot.
struct MicroVmFactory::Machine {
  Slot slot;
  Fd tap;
  TakenUid user;
  std::unique_ptr<vmm::Cgroup> cgroup;
  vmm::MicroVmSpec spec;
  std::unique_ptr<vmm::MicroVm> vm;
  std::unique_ptr<LogTail> log = std::make_unique<LogTail>();
  std::unique_ptr<AgentClient> agent;
  std::int64_t credentials_end = 0;  ///< seconds since 1970

  /// To be called when there is a microVM.
  Status connect() {
    Fd process = Fd::own(::fcntl(vm->exit_fd(), F_DUPFD_CLOEXEC, 0));
    if (!process) return Error::system(errno, "duplicate", "a microVM's pidfd");
    slot.bind_process(std::move(process));
    // The tail is on the heap, so that the sink's pointer survives a move of the machine.
    agent = std::make_unique<AgentClient>(
        vm->agent_fd(), [tail = log.get()](std::string_view bytes, std::int64_t) { tail->add(bytes); });
    return ok();
  }
};

namespace {

class MicroVmEnvironment : public Environment {
 public:
  MicroVmEnvironment(std::shared_ptr<void> machine, const Slot& slot, vmm::Cgroup& cgroup, vmm::MicroVm& vm,
                     AgentClient& client, LogTail& log, std::chrono::milliseconds agent_timeout,
                     std::int64_t credentials_end)
      : machine_(std::move(machine)),
        slot_(slot),
        cgroup_(cgroup),
        vm_(vm),
        agent_(client),
        log_(log),
        agent_timeout_(agent_timeout),
        credentials_end_(credentials_end) {}

  Outcome invoke(const Invocation& invocation) override {
    const auto begin = AgentClient::Clock::now();
    // What it said since its last invocation shows whether it is still one that can be spoken to.
    if (const Status quiet = agent_.drain_logs(); !quiet) return undelivered(quiet.error());
    const auto now = std::chrono::system_clock::now();
    const auto deadline =
        std::chrono::floor<std::chrono::milliseconds>((now + invocation.timeout).time_since_epoch());
    // A failure to cap is no reason to fail the caller, but to use the environment no more.
    Status capped = cgroup_.free_cpu();
    bool is_long = false;
    const auto cap = [&] {
      is_long = true;
      if (capped) capped = cgroup_.cap_cpu();
    };
    auto answer = agent_.invoke({.request_id = invocation.request_id,
                                 .deadline_ms = deadline.count(),
                                 .arn = invocation.arn,
                                 .trace_id = invocation.trace_id,
                                 .client_context = invocation.client_context,
                                 .payload = invocation.payload},
                                begin + invocation.timeout, begin + kUncappedTime, cap);
    if (capped && !is_long) capped = cgroup_.hold_back_cpu();
    Outcome outcome = answer ? from_answer(answer.value()) : broken(answer.error(), begin);
    outcome.log = log_.take();
    outcome.usable = outcome.usable && capped && has_credentials();
    return outcome;
  }

  Status freeze() override {
    TRYV(agent_.drain_logs());
    TRYV(slot_.seal());
    return vm_.pause();
  }

  Status thaw() override {
    if (!has_credentials()) return Error{.code = "Expired", .message = "its credentials end soon"};
    // Somebody waits for it, as for an invocation.
    TRYV(cgroup_.free_cpu());
    TRYV(vm_.resume());
    TRYV(agent_.thawed({.clock_ns = vmm::realtime_ns()}, in(agent_timeout_)));
    return slot_.unseal();
  }

  [[nodiscard]] int exit_fd() const override { return vm_.exit_fd(); }

 private:
  /// For one more invocation.
  [[nodiscard]] bool has_credentials() const {
    return credentials_end_ - std::time(nullptr) > kCredentialMargin;
  }

  static Outcome undelivered(const Error& error) {
    return {.kind = Outcome::Kind::kUndelivered, .error_type = error.text(), .usable = false};
  }

  Outcome broken(const Error& error, AgentClient::Deadline begin) {
    Outcome outcome;
    outcome.duration =
        std::chrono::duration_cast<std::chrono::microseconds>(AgentClient::Clock::now() - begin);
    if (error.code == "Undelivered") return undelivered(error);
    if (error.code != "Timeout") {
      outcome.kind = Outcome::Kind::kLost;
      outcome.error_type = error.text();
      outcome.usable = false;
      return outcome;
    }
    outcome.kind = Outcome::Kind::kTimeout;
    // /tmp outlives a time-out, the processes don't.
    outcome.usable = static_cast<bool>(agent_.reset(in(std::chrono::seconds(2))));
    return outcome;
  }

  const std::shared_ptr<void> machine_;  ///< what the references below are parts of
  const Slot& slot_;
  vmm::Cgroup& cgroup_;
  vmm::MicroVm& vm_;
  AgentClient& agent_;
  LogTail& log_;
  const std::chrono::milliseconds agent_timeout_;
  const std::int64_t credentials_end_;  ///< seconds since 1970
};

constexpr int kAttempts = 3;

/// What `make` makes; a microVM that ended under its hands is replaced. No event has been given to any.
template <class Make>
auto replace_lost(const Deployment& deployment, const Make& make) -> decltype(make()) {
  for (int left = kAttempts;; --left) {
    auto made = make();
    if (made || made.error().code != "Disconnected" || left <= 1) return made;
    spdlog::warn("function {}: a microVM was lost: {}", deployment.key.name, made.error().text());
  }
}

std::string new_log_stream() {
  return log_stream_name(std::chrono::system_clock::now(), random_hex());
}

}  // namespace

Result<std::vector<Placement>> MicroVmFactory::place(const std::string& account, const std::string& user,
                                                     const VpcSettings& vpc) {
  TRY(const auto link, netd_.client());
  TRY(const auto interfaces, link->ensure(account, user, vpc.subnets, vpc.groups));
  std::vector<Placement> placements;
  for (const netd::FunctionInterface& one : interfaces)
    placements.push_back({one.id, one.subnet, one.vpc});
  return placements;
}

Status MicroVmFactory::release(const std::string& account, const std::string& user) {
  TRY(const auto link, netd_.client());
  return link->release(account, user);
}

Result<std::vector<EnvironmentFactory::User>> MicroVmFactory::users() {
  TRY(const auto link, netd_.client());
  TRY(const auto listed, link->list_users());
  std::vector<EnvironmentFactory::User> users;
  for (const auto& one : listed)
    users.push_back({one.account, one.user});
  return users;
}

Result<MicroVmFactory::Machine> MicroVmFactory::make_machine(const Deployment& deployment) {
  const auto image = images_.runtimes.find(deployment.settings.runtime);
  if (image == images_.runtimes.end()) {
    return Error{.code = "InvalidRuntime",
                 .message = "There is no image of " + deployment.settings.runtime + "."};
  }
  TRY(NetdLink::Leased leased, netd_.lease());
  Slot slot(netd_, leased.id);
  TRY(const std::uint32_t uid, uids_.take());
  TakenUid user(uids_, uid);
  TRY(auto cgroup, cgroups_.make("vm-" + std::to_string(uid),
                                 limits_of(deployment.settings.memory_mib, settings_.accelerator)));
  Machine machine{.slot = std::move(slot),
                  .tap = std::move(leased.tap),
                  .user = std::move(user),
                  .cgroup = std::make_unique<vmm::Cgroup>(std::move(cgroup))};
  machine.spec = {.kernel = images_.kernel,
                  .initrd = images_.initrd,
                  .memory_mib = deployment.settings.memory_mib + kGuestOverheadMib,
                  .drives = {{"root", image->second}, {"code", deployment.code_path}},
                  .mac = netd::kGuestMac,
                  .kernel_arguments = {},
                  .accelerator = settings_.accelerator,
                  .uid = uid,
                  .cgroup = machine.cgroup.get()};
  return machine;
}

Status MicroVmFactory::attach(Machine& machine, const Deployment& deployment) {
  if (deployment.placements.empty()) return Error{.code = "InternalError", .message = "no interface"};
  const Placement& placement = deployment.placements[turn_++ % deployment.placements.size()];
  return machine.slot.attach(placement.interface);
}

Result<std::map<std::string, std::string>> MicroVmFactory::new_credentials(Machine& machine,
                                                                           const Deployment& deployment,
                                                                           std::uint32_t seconds) {
  TRY(const auto link, netd_.client());
  TRY(const auto made, link->session_credentials(deployment.key.account, deployment.key.name, seconds));
  machine.credentials_end = static_cast<std::int64_t>(made.expires);
  return credential_variables(made);
}

Status MicroVmFactory::init(Machine& machine, const Deployment& deployment,
                            std::uint32_t credential_seconds) {
  auto variables = guest_variables(deployment, settings_.region, new_log_stream());
  TRY(const auto credentials, new_credentials(machine, deployment, credential_seconds));
  for (const auto& [name, value] : credentials)
    variables[name] = value;
  auto answer = machine.agent->init({.environment = std::move(variables),
                                     .handler = deployment.settings.handler,
                                     .memory_mib = deployment.settings.memory_mib,
                                     .tmp_mib = deployment.settings.temporary_mib,
                                     .ca_certificate = settings_.ca_certificate,
                                     .clock_ns = vmm::realtime_ns(),
                                     .entropy = vmm::host_entropy()},
                                    in(settings_.init_timeout));
  if (!answer) {
    if (answer.error().code != "Timeout") return std::move(answer).error();
    return Error{.code = "FunctionError.InitTimeout",
                 .message = R"({"errorMessage":"Init did not end in time","errorType":"Sandbox.Timedout"})"};
  }
  if (auto* failed = std::get_if<agent::InitError>(&answer.value())) {
    return Error{.code = "FunctionError.RuntimeInitError", .message = std::move(failed->payload)};
  }
  return ok();
}

Status MicroVmFactory::boot_and_init(Machine& machine, const Deployment& deployment, For purpose) {
  const bool share_memory = purpose == For::kSnapshot;
  TRY(machine.vm, vmm::boot_until_ready(machine.spec, machine.tap, share_memory));
  machine.tap.reset();
  TRYV(machine.connect());
  TRYV(attach(machine, deployment));
  return init(machine, deployment, share_memory ? kInitCredentialSeconds : kCredentialSeconds);
}

Result<SnapshotPointer> MicroVmFactory::prepare_once(const Deployment& deployment,
                                                     const std::function<void()>& begun) {
  TRY(Machine machine, make_machine(deployment));
  begun();
  TRYV(boot_and_init(machine, deployment, For::kSnapshot));
  TRYV(machine.slot.seal());
  TRYV(machine.agent->prepare_snapshot(in(settings_.agent_timeout)));
  TRY(vmm::Snapshot snapshot, machine.vm->snapshot());
  return std::make_shared<const vmm::Snapshot>(std::move(snapshot));
}

std::unique_ptr<Environment> MicroVmFactory::finish(std::shared_ptr<Machine> machine) {
  vmm::MicroVm& vm = *machine->vm;
  AgentClient& client = *machine->agent;
  return std::make_unique<MicroVmEnvironment>(machine, machine->slot, *machine->cgroup, vm, client,
                                              *machine->log, settings_.agent_timeout,
                                              machine->credentials_end);
}

Result<std::unique_ptr<Environment>> MicroVmFactory::restore_once(const Deployment& deployment,
                                                                  const SnapshotPointer& snapshot) {
  Phases phases(settings_.on_restore_phase);
  TRY(Machine made, make_machine(deployment));
  auto machine = std::make_shared<Machine>(std::move(made));
  TRY(auto variables, new_credentials(*machine, deployment, kCredentialSeconds));
  variables["AWS_LAMBDA_LOG_STREAM_NAME"] = new_log_stream();
  phases.end("lease");
  TRY(machine->vm, vmm::MicroVm::restore(*snapshot, machine->spec, std::move(machine->tap),
                                         [&phases] { phases.end("spawn"); }));
  phases.end("load");
  TRYV(machine->connect());
  TRYV(machine->vm->resume());
  phases.end("resume");
  TRYV(machine->agent->restored(
      {.clock_ns = vmm::realtime_ns(), .entropy = vmm::host_entropy(), .environment = std::move(variables)},
      in(settings_.agent_timeout)));
  phases.end("acknowledge");
  TRYV(attach(*machine, deployment));
  phases.end("attach");
  TRYV(machine->cgroup->set_cpu_cap(cpu_millis(deployment.settings.memory_mib, settings_.min_cpu_millis)));
  return finish(std::move(machine));
}

Result<std::unique_ptr<Environment>> MicroVmFactory::boot_once(const Deployment& deployment) {
  TRY(Machine made, make_machine(deployment));
  auto machine = std::make_shared<Machine>(std::move(made));
  TRYV(boot_and_init(*machine, deployment, For::kInvocations));
  TRYV(machine->cgroup->set_cpu_cap(cpu_millis(deployment.settings.memory_mib, settings_.min_cpu_millis)));
  return finish(std::move(machine));
}

Result<SnapshotPointer> MicroVmFactory::prepare(const Deployment& deployment,
                                                const std::function<void()>& begun) {
  return replace_lost(deployment, [&] { return prepare_once(deployment, begun); });
}

Result<std::unique_ptr<Environment>> MicroVmFactory::restore(const Deployment& deployment,
                                                             const SnapshotPointer& snapshot) {
  return replace_lost(deployment, [&] { return restore_once(deployment, snapshot); });
}

Result<std::unique_ptr<Environment>> MicroVmFactory::boot(const Deployment& deployment) {
  return replace_lost(deployment, [&] { return boot_once(deployment); });
}

}  // namespace caisson::runner
