#include "vmm/spawn.hh"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/prctl.h>
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
  std::vector<JailStep> jail_steps{};
  bool change_user = true;  ///< the child can't tell: without a map its user reads as 65534
  int report_fd = -1;       ///< the child writes its report
  int go_fd = -1;           ///< the child reads a byte when its users are mapped
  int go_write_fd = -1;     ///< the parent's end of that
  int null_fd = -1;
  cpu_set_t cpus{};
};

// From here to exec() the code runs between clone and execve in a process of several threads: system calls
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

/// "0" is the writer: a thread that moves itself waits for no RCU grace period, as a process moved by another does.
void join_cgroups(const Prepared& prepared) {
  for (const int tasks : prepared.spec.cgroup_tasks) {
    if (::write(tasks, "0", 1) != 1) give_up(prepared.report_fd, "join a cgroup");
  }
}

/// After the group is joined, whose CPUs an earlier, lesser choice would narrow.
void choose_cpus(const Prepared& prepared) {
  if (prepared.spec.cpus.empty()) return;
  if (::sched_setaffinity(0, sizeof prepared.cpus, &prepared.cpus) != 0)
    give_up(prepared.report_fd, "choose the CPUs");
}

/// Until the parent has mapped the users of our namespace.
void await_go(const Prepared& prepared) {
  // Else our own copy would keep us waiting when the parent dies.
  ::close(prepared.go_write_fd);
  char go = 0;
  if (::read(prepared.go_fd, &go, 1) != 1) ::_exit(127);
}

void change_user(const ChildSpec& spec, int report_fd) {
  // The raw calls: glibc's wrappers would signal every thread of the parent's copy, of which none is here.
  const std::uint32_t id = spec.uid;
  if (::syscall(SYS_setgroups, spec.supplementary_groups.size(), spec.supplementary_groups.data()) != 0) {
    give_up(report_fd, "setgroups");
  }
  if (::syscall(SYS_setresgid, id, id, id) != 0) give_up(report_fd, "setresgid");
  if (::syscall(SYS_setresuid, id, id, id) != 0) give_up(report_fd, "setresuid");
}

void drop_bounding_set() {
  // In a jail all go; outside it fails without CAP_SETPCAP: no_new_privs and empty sets make the bounding set moot.
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    (void)::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

void drop_capabilities(int report_fd) {
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) give_up(report_fd, "capset");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up(report_fd, "no_new_privs");
}

/// Has the parent gone before the signal of its death was asked for? It alone reads the report.
bool is_orphan(int report_fd) {
  pollfd report{.fd = report_fd, .events = 0, .revents = 0};
  return ::poll(&report, 1, 0) != 0;
}

[[noreturn]] void run_child(const Prepared& prepared) {
  join_cgroups(prepared);
  choose_cpus(prepared);
  if (prepared.spec.jail) await_go(prepared);
  const int report_fd = arrange_descriptors(prepared);
  // Dropping what the namespace's maker has over it waits until the root is made.
  if (!prepared.spec.jail) drop_bounding_set();
  if (prepared.change_user) change_user(prepared.spec, report_fd);
  if (prepared.spec.jail) {
    if (const char* failed = enter_jail(prepared.jail_steps)) give_up(report_fd, failed);
  }
  if (const char* failed = limit_resources()) give_up(report_fd, failed);
  if (prepared.spec.jail) drop_bounding_set();
  drop_capabilities(report_fd);
  // After the change of user, which clears it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) give_up(report_fd, "parent-death signal");
  if (is_orphan(report_fd)) ::_exit(127);
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

/// fork(), into the namespaces and the group.
Result<Child> clone_child(const Prepared& prepared) {
  const ChildSpec& spec = prepared.spec;
  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD | (spec.jail ? jail_clone_flags() : 0);
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  if (spec.cgroup_folder >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(spec.cgroup_folder);
  }
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (pid == 0) run_child(prepared);
  if (pid > 0) return Child{.pid = pid, .pidfd = Fd::own(pidfd)};
  if (spec.jail && (errno == EPERM || errno == ENOSPC || errno == EINVAL)) {
    return Error{.code = "NoNamespaces",
                 .message = "the kernel does not let this process make user namespaces (" +
                            Error::system(errno, "clone", spec.argv[0]).text() +
                            "): look at kernel.unprivileged_userns_clone and user.max_user_namespaces"};
  }
  return Error::system(errno, "fork", spec.argv[0]);
}

/// Kills a child that did not get as far as its program.
void abandon(const Child& child) {
  ::kill(child.pid, SIGKILL);
  while (::waitpid(child.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

struct Pipe {
  Fd read;
  Fd write;
};

Result<Pipe> make_pipe() {
  int raw[2];
  if (::pipe2(raw, O_CLOEXEC) != 0) return Error::system(errno, "make", "a pipe");
  return Pipe{.read = Fd::own(raw[0]), .write = Fd::own(raw[1])};
}

Result<Child> watch(Child child, const ChildSpec& spec, const Fd& report_read) {
  Report report;
  ssize_t count = 0;
  do {
    count = ::read(report_read.get(), &report, sizeof report);
  } while (count < 0 && errno == EINTR);
  if (count == 0) return child;
  abandon(child);
  report.step[sizeof report.step - 1] = 0;
  return Error::system(report.errno_value, report.step, "for " + spec.argv[0]);
}

Result<Child> spawn_here(const ChildSpec& spec) {
  TRY(Pipe report, make_pipe());
  TRY(Pipe go, make_pipe());
  const Fd null = Fd::own(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return Error::system(errno, "open", "/dev/null");
  Prepared prepared{.spec = spec,
                    .change_user = ::getuid() != spec.uid || ::geteuid() != spec.uid,
                    .report_fd = report.write.get(),
                    .go_fd = go.read.get(),
                    .go_write_fd = go.write.get(),
                    .null_fd = null.get(),
                    .cpus = set_of(spec.cpus)};
  for (const std::string& argument : spec.argv)
    prepared.argv.push_back(const_cast<char*>(argument.c_str()));
  prepared.argv.push_back(nullptr);
  if (spec.jail) prepared.jail_steps = plan(*spec.jail);
  TRY(Child child, clone_child(prepared));
  report.write.reset();
  if (spec.jail) {
    if (auto mapped = map_users(child.pid, spec.uid, spec.supplementary_groups); !mapped) {
      abandon(child);
      return std::move(mapped).error();
    }
    (void)!::write(go.write.get(), "g", 1);
  }
  return watch(std::move(child), spec, report.read);
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

cpu_set_t set_of(const std::vector<unsigned>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const unsigned cpu : cpus)
    CPU_SET(cpu, &set);
  return set;
}

Result<Child> spawn(const ChildSpec& spec) {
  return Forker::instance().run(spec);
}

}  // namespace caisson::vmm
