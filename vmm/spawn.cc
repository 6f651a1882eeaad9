#include "vmm/spawn.hh"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace caisson::vmm {
namespace {

/// What the child reports through its pipe when a step fails. Small enough to be written in one piece.
struct Report {
  int errno_value = 0;
  char step[28] = {};
};

struct Prepared {
  const ChildSpec& spec;
  std::vector<char*> argv{};
  pid_t parent = 0;
  int report_fd = -1;
  int null_fd = -1;
};

// From here to exec() the code runs between fork and execve in a process of several threads: system calls
// only.

[[noreturn]] void give_up(int report_fd, const char* step) {
  Report report{.errno_value = errno};
  for (std::size_t i = 0; step[i] != 0 && i + 1 < sizeof report.step; ++i)
    report.step[i] = step[i];
  (void)!::write(report_fd, &report, sizeof report);
  ::_exit(127);
}

/// Moves the descriptors to their numbers, closes all others. The report pipe follows the inherited ones.
int arrange_descriptors(const Prepared& prepared) {
  int report_fd = prepared.report_fd;
  const auto& inherited = prepared.spec.inherited;
  const int count = static_cast<int>(inherited.size());
  // First out of the way, above every number that will be used, so that no dup2 overwrites a source.
  const int above = kFirstInheritedFd + count + 1;
  std::array<int, 64> moved{};
  if (inherited.size() > moved.size()) give_up(report_fd, "too many descriptors");
  report_fd = ::fcntl(report_fd, F_DUPFD, above);
  const int null_fd = ::fcntl(prepared.null_fd, F_DUPFD, above);
  const int output = prepared.spec.stderr_fd < 0 ? null_fd : ::fcntl(prepared.spec.stderr_fd, F_DUPFD, above);
  for (int i = 0; i < count; ++i) {
    moved[static_cast<std::size_t>(i)] = ::fcntl(inherited[static_cast<std::size_t>(i)], F_DUPFD, above);
    if (moved[static_cast<std::size_t>(i)] < 0) give_up(report_fd, "duplicate a descriptor");
  }
  if (::dup2(null_fd, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0)
    give_up(report_fd, "set standard files");
  for (int i = 0; i < count; ++i) {
    if (::dup2(moved[static_cast<std::size_t>(i)], kFirstInheritedFd + i) < 0)
      give_up(report_fd, "place a descriptor");
  }
  const int report_number = kFirstInheritedFd + count;
  if (::dup3(report_fd, report_number, O_CLOEXEC) < 0) give_up(report_fd, "place the report pipe");
  if (::syscall(SYS_close_range, static_cast<unsigned>(report_number + 1), ~0U, 0U) != 0) {
    give_up(report_number, "close_range");
  }
  return report_number;
}

void drop_privileges(const ChildSpec& spec, int report_fd) {
  // Fails without CAP_SETPCAP; no_new_privs and empty sets make the bounding set moot then.
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    (void)::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  // The raw calls: glibc's wrappers would signal every thread of the parent's copy, of which none is here.
  const std::uint32_t id = spec.uid;
  if (::getuid() != id || ::geteuid() != id) {
    if (::syscall(SYS_setgroups, spec.supplementary_groups.size(), spec.supplementary_groups.data()) != 0) {
      give_up(report_fd, "setgroups");
    }
    if (::syscall(SYS_setresgid, id, id, id) != 0) give_up(report_fd, "setresgid");
    if (::syscall(SYS_setresuid, id, id, id) != 0) give_up(report_fd, "setresuid");
  }
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) give_up(report_fd, "capset");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up(report_fd, "no_new_privs");
}

[[noreturn]] void run_child(const Prepared& prepared) {
  const int report_fd = arrange_descriptors(prepared);
  drop_privileges(prepared.spec, report_fd);
  // After the change of user, which clears it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) give_up(report_fd, "parent-death signal");
  if (::getppid() != prepared.parent) ::_exit(127);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0) give_up(report_fd, "setrlimit");
  if (::chdir("/") != 0) give_up(report_fd, "chdir");
  sigset_t empty;
  ::sigemptyset(&empty);
  ::sigprocmask(SIG_SETMASK, &empty, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  char path[] = "PATH=/usr/bin:/bin";
  char* environment[] = {path, nullptr};
  ::execve(prepared.argv[0], prepared.argv.data(), environment);
  give_up(report_fd, "execve");
}

Result<Child> fork_and_watch(const Prepared& prepared, Fd report_read, Fd report_write) {
  const pid_t pid = ::fork();
  if (pid < 0) return Error::system(errno, "fork", prepared.spec.argv[0]);
  if (pid == 0) run_child(prepared);
  report_write.reset();
  Child child{.pid = pid, .pidfd = Fd::own(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)))};
  const int pidfd_errno = errno;
  Report report;
  ssize_t count = 0;
  do {
    count = ::read(report_read.get(), &report, sizeof report);
  } while (count < 0 && errno == EINTR);
  if (count == 0 && child.pidfd) return child;
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (count == 0) return Error::system(pidfd_errno, "open pidfd of", prepared.spec.argv[0]);
  report.step[sizeof report.step - 1] = 0;
  return Error::system(report.errno_value, report.step, "for " + prepared.spec.argv[0]);
}

Result<Child> spawn_here(const ChildSpec& spec) {
  int pipe_fds[2];
  if (::pipe2(pipe_fds, O_CLOEXEC) != 0) return Error::system(errno, "make", "a pipe");
  Fd report_read = Fd::own(pipe_fds[0]);
  Fd report_write = Fd::own(pipe_fds[1]);
  Fd null = Fd::own(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return Error::system(errno, "open", "/dev/null");
  Prepared prepared{
      .spec = spec, .parent = ::getpid(), .report_fd = report_write.get(), .null_fd = null.get()};
  for (const std::string& argument : spec.argv)
    prepared.argv.push_back(const_cast<char*>(argument.c_str()));
  prepared.argv.push_back(nullptr);
  return fork_and_watch(prepared, std::move(report_read), std::move(report_write));
}

/// The thread that forks. It is never joined: the kernel would take its end for the parent's death.
class Forker {
 public:
  static Forker& instance() {
    static auto* forker = new Forker;
    return *forker;
  }

  Result<Child> run(const ChildSpec& spec) {
    std::packaged_task<Result<Child>()> task([&spec] { return spawn_here(spec); });
    auto result = task.get_future();
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    wake_.notify_one();
    return result.get();
  }

 private:
  Forker() {
    std::thread([this] { loop(); }).detach();
  }

  [[noreturn]] void loop() {
    // Signals are for the program's own threads.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    for (;;) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !tasks_.empty(); });
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::packaged_task<Result<Child>()>> tasks_;
};

}  // namespace

Result<Child> spawn(const ChildSpec& spec) {
  return Forker::instance().run(spec);
}

}  // namespace caisson::vmm
