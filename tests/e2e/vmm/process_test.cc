// QEMU as a process: whom it runs as, what it holds, when it ends; and its console.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <set>

#include "tests/e2e/vmm/guest.hh"
#include "vmm/console.hh"

namespace caisson::vmm::test {
namespace {

/// A guest of kernel and initrd alone: boots in two seconds and has an agent.
MicroVmSpec bare() {
  return {.kernel = image("vmlinux"), .initrd = image("initrd.cpio.gz")};
}

std::map<std::string, std::string> status_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  std::map<std::string, std::string> status;
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(":\t");
    if (colon != std::string::npos) status[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return status;
}

bool readable_within(int fd, int milliseconds) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, milliseconds) == 1;
}

TEST(Process, QemuHasNoPrivilegeAndNoDescriptorOfOurs) {
  const Fd leak = Fd::own(::open("/etc/hostname", O_RDONLY));  // without close-on-exec
  const auto guest = booted(bare(), false);
  auto status = status_of(guest->vm->pid());
  EXPECT_EQ(status["Uid"], "65534\t65534\t65534\t65534");
  EXPECT_EQ(status["Gid"], "65534\t65534\t65534\t65534");
  EXPECT_EQ(status["Groups"], " ");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_EQ(status[set], "0000000000000000") << set;
  EXPECT_EQ(status["NoNewPrivs"], "1");
  EXPECT_EQ(status["Seccomp"], "2");
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(guest->vm->pid()) + "/fd")) {
    EXPECT_NE(std::filesystem::read_symlink(entry), "/etc/hostname");
  }
}

std::string link(int pid, const std::string& name) {
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/" + name).string();
}

TEST(Process, QemuHasNamespacesOfItsOwn) {
  const auto first = booted(bare(), false);
  const auto second = booted(bare(), false);
  for (const char* name : {"user", "mnt", "pid", "net", "ipc", "uts"}) {
    EXPECT_NE(link(first->vm->pid(), name), link(::getpid(), name)) << name;
    EXPECT_NE(link(first->vm->pid(), name), link(second->vm->pid(), name)) << name;
  }
  // Its one user is its own: nothing in there could become root.
  std::ifstream map("/proc/" + std::to_string(first->vm->pid()) + "/uid_map");
  std::uint64_t inside = 0;
  std::uint64_t outside = 0;
  std::uint64_t count = 0;
  ASSERT_TRUE(map >> inside >> outside >> count);
  EXPECT_EQ(inside, 65534U);
  EXPECT_EQ(outside, 65534U);
  EXPECT_EQ(count, 1U);
  EXPECT_FALSE(map >> inside);
  // Its network is empty: no interface is up.
  std::ifstream routes("/proc/" + std::to_string(first->vm->pid()) + "/net/route");
  std::string line;
  std::getline(routes, line);  // the heading
  EXPECT_FALSE(std::getline(routes, line)) << line;
}

std::set<std::string> entries_of(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.insert(entry.path().filename());
  return names;
}

TEST(Process, QemuSeesItsOwnFilesOnly) {
  const auto guest = booted(bare(), false);
  const std::filesystem::path root = "/proc/" + std::to_string(guest->vm->pid()) + "/root";
  EXPECT_EQ(entries_of(root), (std::set<std::string>{"etc", "lib", "lib64", "proc", "usr"}));
  EXPECT_EQ(entries_of(root / "etc"), (std::set<std::string>{"ld.so.cache"}));
  EXPECT_EQ(entries_of(root / "usr"), (std::set<std::string>{"bin", "lib", "lib64", "share"}));
  EXPECT_EQ(entries_of(root / "usr/bin"), (std::set<std::string>{"qemu-system-x86_64"}));
  EXPECT_EQ(entries_of(root / "usr/lib"), (std::set<std::string>{"x86_64-linux-gnu"}));
  EXPECT_EQ(entries_of(root / "usr/share"), (std::set<std::string>{"qemu", "seabios"}));
  // Nothing of it can be written, and it knows no process but itself.
  std::ifstream mounts("/proc/" + std::to_string(guest->vm->pid()) + "/mounts");
  int count = 0;
  for (std::string device, point, type, options, rest; mounts >> device >> point >> type >> options;
       std::getline(mounts, rest)) {
    ++count;
    if (type != "proc") {
      EXPECT_TRUE(options.starts_with("ro,")) << point << " " << options;
    }
    EXPECT_NE(options.find("nosuid"), std::string::npos) << point << " " << options;
    EXPECT_NE(options.find("nodev"), std::string::npos) << point << " " << options;
  }
  EXPECT_EQ(count, 8);
  auto processes = entries_of(root / "proc");
  std::erase_if(processes, [](const std::string& name) { return name[0] < '0' || name[0] > '9'; });
  EXPECT_EQ(processes, std::set<std::string>{"1"});
  EXPECT_EQ(status_of(guest->vm->pid())["NSpid"], std::to_string(guest->vm->pid()) + "\t1");
}

TEST(Process, QemuHasLimits) {
  const auto guest = booted(bare(), false);
  std::ifstream file("/proc/" + std::to_string(guest->vm->pid()) + "/limits");
  std::map<std::string, std::string> limits;
  for (std::string line; std::getline(file, line);)
    limits[line.substr(0, line.find("  "))] = line.substr(26, line.find(' ', 26) - 26);
  EXPECT_EQ(limits["Max core file size"], "0");
  EXPECT_EQ(limits["Max open files"], "256");
  EXPECT_EQ(limits["Max processes"], "128");
  EXPECT_EQ(limits["Max locked memory"], "0");
  EXPECT_EQ(limits["Max file size"], std::to_string(16 << 20));
  EXPECT_EQ(limits["Max msgqueue size"], "0");
  EXPECT_EQ(limits["Max realtime priority"], "0");
}

TEST(Process, IsolationIsCheckedBeforeItIsNeeded) {
  const auto checked = check_isolation(65534);
  EXPECT_TRUE(checked) << checked.error().text();
}

TEST(Process, KillReapsIsIdempotentAndTellsByTheExitFd) {
  const auto guest = booted(bare(), false);
  const int pid = guest->vm->pid();
  EXPECT_FALSE(readable_within(guest->vm->exit_fd(), 0));
  guest->vm->kill();
  guest->vm->kill();
  EXPECT_TRUE(readable_within(guest->vm->exit_fd(), 0));
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(guest->agent->thawed({.clock_ns = 1}, soon()).error().code, "Disconnected");
  EXPECT_EQ(guest->vm->pause().error().code, "Disconnected");
}

TEST(Process, QemuDiesWithItsParentButNotWithTheThreadThatAskedForIt) {
  int raw[2];
  ASSERT_EQ(::pipe2(raw, O_CLOEXEC), 0);
  const Fd ours = Fd::own(raw[0]);
  Fd theirs = Fd::own(raw[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), 1);
  char program[] = BOOT_AND_WAIT;
  char* arguments[] = {program, nullptr};
  pid_t parent = 0;
  ASSERT_EQ(::posix_spawn(&parent, program, &actions, nullptr, arguments, environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  theirs.reset();
  char text[32] = {};
  ASSERT_GT(::read(ours.get(), text, sizeof text - 1), 0) << "the guest did not boot";
  const int qemu = std::atoi(text);
  const Fd pidfd = Fd::own(static_cast<int>(::syscall(SYS_pidfd_open, qemu, 0)));
  ASSERT_TRUE(pidfd);
  EXPECT_FALSE(readable_within(pidfd.get(), 0));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(readable_within(pidfd.get(), 60'000));
}

TEST(Process, AGuestThatFloodsItsConsoleStillBoots) {
  auto loud = bare();
  loud.kernel_arguments = "ignore_loglevel initcall_debug";
  const auto guest = booted(loud, false);
  EXPECT_EQ(guest->vm->console().size(), kConsoleBytes);
}

TEST(Process, ABootThatCannotSucceedSaysWhy) {
  auto broken = bare();
  broken.kernel_arguments = "rdinit=/nonexistent root=none";
  const auto vm = boot_until_ready(broken, Fd(), false, {.attempt = 60s, .attempts = 1});
  ASSERT_FALSE(vm);
  EXPECT_EQ(vm.error().code, "Disconnected");  // the kernel panics, QEMU exits
  EXPECT_NE(vm.error().message.find("Unable to mount root fs"), std::string::npos) << vm.error().message;
  auto missing = bare();
  missing.drives = {{"root", "/nonexistent"}};
  EXPECT_EQ(boot_until_ready(missing, Fd(), false).error().code, "ENOENT");
  auto bad_kernel = bare();
  bad_kernel.kernel = "/nonexistent";
  const auto refused = boot_until_ready(bad_kernel, Fd(), false, {.attempt = 60s, .attempts = 1});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("/nonexistent"), std::string::npos) << refused.error().message;
}

TEST(Process, TheProbedAcceleratorBootsAGuest) {
  auto spec = bare();
  spec.accelerator = probe_accelerator(spec.kernel, spec.initrd);
  std::printf("accelerator: %s\n", spec.accelerator == Accelerator::kKvm ? "kvm" : "tcg");
  EXPECT_NE(booted(spec, false), nullptr);
}

}  // namespace
}  // namespace caisson::vmm::test
