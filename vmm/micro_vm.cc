#include "vmm/micro_vm.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "vmm/argv.hh"
#include "vmm/cgroup.hh"
#include "vmm/console.hh"
#include "vmm/memory_file.hh"
#include "vmm/qmp_client.hh"
#include "vmm/socket_io.hh"
#include "vmm/spawn.hh"
#include "vmm/tsc.hh"

namespace caisson::vmm {
namespace {

using nlohmann::json;

// Generous: under TCG on a host with more work than cores a QEMU may wait long for its turn.
constexpr auto kStartTimeout = std::chrono::seconds(60);
/// Stopping and continuing is no work: who does not answer by then is stopped or broken. Somebody may wait for it.
constexpr auto kCommandTimeout = std::chrono::seconds(5);
/// Loading a state takes some 20 ms; a caller waits for it.
constexpr auto kLoadTimeout = std::chrono::seconds(30);
constexpr auto kSnapshotTimeout = std::chrono::seconds(120);
constexpr auto kConsoleTimeout = std::chrono::seconds(10);
constexpr const char* kKvmDevice = "/dev/kvm";

Deadline in(std::chrono::milliseconds duration) {
  return std::chrono::steady_clock::now() + duration;
}

/// What a QEMU process needs of ours, until it has been spawned.
struct Resources {
  Fd memory;
  Fd tap;
  std::vector<Fd> drives;
  Fd kernel;
  Fd initrd;
};

Result<Fd> open_for_reading(const std::string& what, const std::string& path) {
  Fd file = Fd::own(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error::system(errno, "open " + what, path);
  return file;
}

Result<std::vector<Fd>> open_drives(const MicroVmSpec& spec) {
  std::vector<Fd> drives;
  for (const Drive& drive : spec.drives) {
    TRY(auto file, open_for_reading("drive", drive.path));
    drives.push_back(std::move(file));
  }
  return drives;
}

/// QEMU's own files on Debian: all that it can see. What belongs to the guest it gets as descriptors.
Jail jail_of(const MicroVmSpec& spec) {
  Jail jail{.folders = {"/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/share/qemu", "/usr/share/seabios"},
            .files = {kQemu, "/etc/ld.so.cache"},
            .devices = {},
            .links = {{"/lib", "usr/lib"}, {"/lib64", "usr/lib64"}}};
  if (spec.accelerator == Accelerator::kKvm) jail.devices.emplace_back(kKvmDevice);
  return jail;
}

/// /dev/kvm usually belongs to a group; QEMU gets it where the group may open the device.
std::vector<std::uint32_t> groups_of(const MicroVmSpec& spec) {
  struct stat status {};
  if (spec.accelerator != Accelerator::kKvm || ::stat(kKvmDevice, &status) != 0) return {};
  const bool useful =
      (status.st_mode & S_IRGRP) != 0 && (status.st_mode & S_IWGRP) != 0 && status.st_gid != 0;
  return useful ? std::vector<std::uint32_t>{status.st_gid} : std::vector<std::uint32_t>{};
}

class QemuMicroVm final : public MicroVm {
 public:
  static Result<std::unique_ptr<QemuMicroVm>> start(const MicroVmSpec& spec, Resources resources, Start how);
  ~QemuMicroVm() override { QemuMicroVm::kill(); }

  int agent_fd() const override { return agent_.get(); }
  int pid() const override { return child_.pid; }
  int exit_fd() const override { return child_.pidfd.get(); }

  Status pause() override { return command("stop"); }
  Status resume() override { return command("cont"); }
  Result<Snapshot> snapshot() override;
  void kill() override;
  std::string console() const override { return console_->text(); }

  Status load_state(const Fd& state);

 private:
  QemuMicroVm(MicroVmSpec spec, Child child, Fd qmp, Fd agent, Fd console, Resources resources, Start how)
      : spec_(std::move(spec)),
        child_(std::move(child)),
        qmp_(std::move(qmp)),
        agent_(std::move(agent)),
        console_(drain_console(std::move(console))),
        snapshot_memory_(how == Start::kBootToSnapshot ? std::move(resources.memory) : Fd()) {}

  Status command(const char* name);
  Status prepare_migration(Deadline deadline);
  Status await_migration(Deadline deadline);

  MicroVmSpec spec_;
  Child child_;
  QmpClient qmp_;
  Fd agent_;
  std::shared_ptr<const RingBuffer> console_;
  Fd snapshot_memory_;  ///< the guest's memory if a snapshot may be taken, else empty
  bool dead_ = false;
};

Result<std::unique_ptr<QemuMicroVm>> QemuMicroVm::start(const MicroVmSpec& spec, Resources resources,
                                                        Start how) {
  TRY(auto qmp, make_socket_pair());
  TRY(auto agent, make_socket_pair());
  TRY(auto console, make_socket_pair());
  ChildSpec child_spec{.uid = spec.uid,
                       .supplementary_groups = groups_of(spec),
                       .stderr_fd = console.theirs.get(),
                       .jail = jail_of(spec)};
  if (spec.cgroup != nullptr) {
    child_spec.cgroup_folder = spec.cgroup->folder_fd();
    child_spec.cgroup_tasks = spec.cgroup->tasks_fds();
    child_spec.cpus = spec.cgroup->cpus();
  }
  const auto inherit = [&child_spec](const Fd& fd) {
    if (!fd) return -1;
    child_spec.inherited.push_back(fd.get());
    return kFirstInheritedFd + static_cast<int>(child_spec.inherited.size()) - 1;
  };
  InheritedFds numbers{.qmp = inherit(qmp.theirs),
                       .agent = inherit(agent.theirs),
                       .console = inherit(console.theirs),
                       .memory = inherit(resources.memory),
                       .tap = inherit(resources.tap),
                       .kernel = inherit(resources.kernel),
                       .initrd = inherit(resources.initrd),
                       .drives = {}};
  for (const Fd& drive : resources.drives)
    numbers.drives.push_back(inherit(drive));
  child_spec.argv = argv(spec, numbers, how, how == Start::kRestore ? 0 : host_tsc_khz());
  TRY(auto child, spawn(child_spec));
  std::unique_ptr<QemuMicroVm> vm(new QemuMicroVm(spec, std::move(child), std::move(qmp.ours),
                                                  std::move(agent.ours), std::move(console.ours),
                                                  std::move(resources), how));
  // Ends of QEMU's that we keep open would hide its death from us.
  qmp.theirs.reset();
  agent.theirs.reset();
  console.theirs.reset();
  if (auto status = vm->qmp_.negotiate(in(kStartTimeout)); !status) {
    vm->kill();
    return std::move(status).error().within("start QEMU (" + vm->console() + ")");
  }
  return vm;
}

Status QemuMicroVm::command(const char* name) {
  TRYV(qmp_.execute(name, in(kCommandTimeout)));
  return ok();
}

Status QemuMicroVm::prepare_migration(Deadline deadline) {
  // The memory is in the memfd already. Events tell of the end, so that nobody polls.
  const json capabilities = {
      {"capabilities",
       {{{"capability", "x-ignore-shared"}, {"state", true}}, {{"capability", "events"}, {"state", true}}}}};
  TRYV(qmp_.execute("migrate-set-capabilities", capabilities, deadline));
  // Announcements would bear the MAC address of every clone at once.
  TRYV(qmp_.execute("migrate-set-parameters", {{"announce-rounds", 0}}, deadline));
  return ok();
}

Status QemuMicroVm::await_migration(Deadline deadline) {
  for (;;) {
    TRY(const auto data, qmp_.wait_event("MIGRATION", deadline));
    const std::string status = qmp::text_in(data, "status");
    if (status == "completed") return ok();
    if (status == "failed" || status == "cancelled") {
      return Error{.code = "MigrationFailed",
                   .message = "QEMU could not move the device state: " + console()};
    }
  }
}

Status QemuMicroVm::load_state(const Fd& state) {
  const Deadline deadline = in(kLoadTimeout);
  TRYV(prepare_migration(deadline));
  TRYV(qmp_.pass_fd("state", state, deadline));
  TRYV(qmp_.execute("migrate-incoming", {{"uri", "fd:state"}}, deadline));
  return await_migration(deadline);
}

Result<Snapshot> QemuMicroVm::snapshot() {
  if (!snapshot_memory_ || dead_)
    return Error{.code = "InvalidState", .message = "this microVM was not booted to be snapshotted"};
  const Deadline deadline = in(kSnapshotTimeout);
  TRYV(qmp_.execute("stop", deadline));
  TRYV(prepare_migration(deadline));
  TRY(auto state, make_memory_file("guest-state", 0));
  TRYV(qmp_.pass_fd("state", state, deadline));
  TRYV(qmp_.execute("migrate", {{"uri", "fd:state"}}, deadline));
  TRYV(await_migration(deadline));
  // A file that is mapped for writing can't be sealed: QEMU must be gone.
  kill();
  TRYV(seal_memory_file(snapshot_memory_));
  TRYV(seal_memory_file(state));
  TRY(const auto memory_bytes, used_bytes(snapshot_memory_));
  TRY(const auto state_bytes, used_bytes(state));
  spec_.cgroup = nullptr;
  return Snapshot{.memory = std::move(snapshot_memory_),
                  .state = std::move(state),
                  .spec = spec_,
                  .bytes = memory_bytes + state_bytes};
}

void QemuMicroVm::kill() {
  if (std::exchange(dead_, true)) return;
  (void)::syscall(SYS_pidfd_send_signal, child_.pidfd.get(), SIGKILL, nullptr, 0);
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(child_.pidfd.get()), &info, WEXITED) != 0 && errno == EINTR) {
  }
  // So that console() then has the process's last words, which say why it ended.
  (void)console_->wait_end(kConsoleTimeout);
}

}  // namespace

Status check_isolation(std::uint32_t uid) {
  const MicroVmSpec spec{
      .kernel = {}, .initrd = {}, .drives = {}, .mac = {}, .kernel_arguments = {}, .uid = uid};
  TRY(const auto child, spawn({.argv = {kQemu, "-version"}, .uid = uid, .jail = jail_of(spec)}));
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED) != 0 && errno == EINTR) {
  }
  if (info.si_code == CLD_EXITED && info.si_status == 0) return ok();
  return Error{.code = "QemuFailed",
               .message = std::string(kQemu) + " -version failed with status " +
                          std::to_string(info.si_status) + " in the namespaces that microVMs get"};
}

Result<std::unique_ptr<MicroVm>> MicroVm::boot(const MicroVmSpec& spec, Fd tap, bool share_memory) {
  TRYV(check(spec));
  Resources resources;
  TRY(resources.kernel, open_for_reading("kernel", spec.kernel));
  TRY(resources.initrd, open_for_reading("initrd", spec.initrd));
  TRY(resources.memory, make_memory_file("guest-memory", static_cast<std::uint64_t>(spec.memory_mib) << 20));
  resources.tap = std::move(tap);
  TRY(resources.drives, open_drives(spec));
  TRY(auto vm,
      QemuMicroVm::start(spec, std::move(resources), share_memory ? Start::kBootToSnapshot : Start::kBoot));
  return std::unique_ptr<MicroVm>(std::move(vm));
}

Result<std::unique_ptr<MicroVm>> MicroVm::restore(const Snapshot& snapshot, const MicroVmSpec& spec, Fd tap,
                                                  const std::function<void()>& spawned) {
  TRYV(check(spec));
  Resources resources;
  TRY(resources.memory, snapshot.memory.duplicate());
  // Opened anew: clones that shared one offset would read each other's place.
  TRY(const Fd state, reopen_for_reading(snapshot.state));
  resources.tap = std::move(tap);
  TRY(resources.drives, open_drives(spec));
  TRY(auto vm, QemuMicroVm::start(spec, std::move(resources), Start::kRestore));
  if (spawned) spawned();
  TRYV(vm->load_state(state));
  return std::unique_ptr<MicroVm>(std::move(vm));
}

}  // namespace caisson::vmm
