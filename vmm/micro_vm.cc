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
constexpr auto kQmpTimeout = std::chrono::seconds(60);
constexpr auto kMigrationTimeout = std::chrono::seconds(120);
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
};

Result<std::vector<Fd>> open_drives(const MicroVmSpec& spec) {
  std::vector<Fd> drives;
  for (const Drive& drive : spec.drives) {
    drives.push_back(Fd::own(::open(drive.path.c_str(), O_RDONLY | O_CLOEXEC)));
    if (!drives.back()) return Error::system(errno, "open drive", drive.path);
  }
  return drives;
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
  ChildSpec child_spec{
      .uid = spec.uid, .supplementary_groups = groups_of(spec), .stderr_fd = console.theirs.get()};
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
  if (auto status = vm->qmp_.negotiate(in(kQmpTimeout)); !status) {
    vm->kill();
    return std::move(status).error().within("start QEMU (" + vm->console() + ")");
  }
  return vm;
}

Status QemuMicroVm::command(const char* name) {
  TRYV(qmp_.execute(name, in(kQmpTimeout)));
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
    const std::string status = json::parse(data).value("status", "");
    if (status == "completed") return ok();
    if (status == "failed" || status == "cancelled") {
      return Error{.code = "MigrationFailed",
                   .message = "QEMU could not move the device state: " + console()};
    }
  }
}

Status QemuMicroVm::load_state(const Fd& state) {
  const Deadline deadline = in(kMigrationTimeout);
  TRYV(prepare_migration(deadline));
  TRYV(qmp_.pass_fd("state", state, deadline));
  TRYV(qmp_.execute("migrate-incoming", {{"uri", "fd:state"}}, deadline));
  return await_migration(deadline);
}

Result<Snapshot> QemuMicroVm::snapshot() {
  if (!snapshot_memory_ || dead_)
    return Error{.code = "InvalidState", .message = "this microVM was not booted to be snapshotted"};
  const Deadline deadline = in(kMigrationTimeout);
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

Result<std::unique_ptr<MicroVm>> MicroVm::boot(const MicroVmSpec& spec, Fd tap, bool share_memory) {
  TRYV(check(spec));
  Resources resources;
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
