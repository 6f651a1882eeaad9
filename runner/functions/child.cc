#include "runner/functions/child.hh"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/capabilities.hh"

namespace caisson::runner {

namespace {

constexpr int kSetupFailed = 126;

void limit(decltype(RLIMIT_AS) resource, std::uint64_t value) {
  if (value == 0) return;
  const rlimit both{.rlim_cur = value, .rlim_max = value};
  if (::setrlimit(resource, &both) != 0) ::_exit(kSetupFailed);
}

/// Runs in the child of a process with threads: system calls only, no allocation.
[[noreturn]] void become(const ChildSpec& spec, char* const* argv, bool change_user, pid_t parent) {
  if (spec.cgroup >= 0 && ::write(spec.cgroup, "0", 1) != 1) ::_exit(kSetupFailed);
  if (CPU_COUNT(&spec.cpus) != 0 && ::sched_setaffinity(0, sizeof spec.cpus, &spec.cpus) != 0)
    ::_exit(kSetupFailed);
  // The sources are copied above the targets first, or an early dup2 could overwrite a later source.
  std::array<int, 5> sources = {spec.input, spec.output, spec.errors, spec.extra, spec.program};
  for (int& source : sources) {
    if (source < 0) continue;
    source = ::fcntl(source, F_DUPFD, 16);
    if (source < 0) ::_exit(kSetupFailed);
  }
  for (int target = 0; target < 4; ++target) {
    if (sources[static_cast<std::size_t>(target)] < 0) continue;
    if (::dup2(sources[static_cast<std::size_t>(target)], target) < 0) ::_exit(kSetupFailed);
  }
  if (::dup2(sources[4], 4) < 0 || ::fcntl(4, F_SETFD, FD_CLOEXEC) != 0) ::_exit(kSetupFailed);
  if (::syscall(SYS_close_range, 5U, ~0U, 0U) != 0) ::_exit(kSetupFailed);
  limit(RLIMIT_AS, spec.address_space_bytes);
  limit(RLIMIT_FSIZE, spec.file_bytes);
  limit(RLIMIT_CPU, spec.cpu_seconds);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  (void)::setrlimit(RLIMIT_CORE, &no_core);
  if (change_user && (::setgroups(0, nullptr) != 0 || ::setresgid(spec.uid, spec.uid, spec.uid) != 0 ||
                      ::setresuid(spec.uid, spec.uid, spec.uid) != 0)) {
    ::_exit(kSetupFailed);
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(kSetupFailed);
  // After the change of user, which clears it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(kSetupFailed);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  static char path[] = "PATH=/usr/bin:/bin";
  static char* environment[] = {path, nullptr};
  static const char no_path[] = "";
  ::syscall(SYS_execveat, 4, no_path, argv, environment, AT_EMPTY_PATH);
  ::_exit(kSetupFailed);
}

}  // namespace

Result<Child> Child::spawn(const ChildSpec& spec) {
  std::vector<char*> argv;
  for (const std::string& argument : spec.arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const bool change_user = has_capability(CAP_SETUID);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Error::system(errno, "start", spec.arguments.front());
  if (pid == 0) become(spec, argv.data(), change_user, parent);
  Fd pidfd = Fd::own(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int reason = errno;
  Child child(pid, std::move(pidfd));
  if (!child.pidfd_) return Error::system(reason, "open the pidfd of", spec.arguments.front());
  return child;
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
  }
  return *this;
}

Child::~Child() {
  end();
}

void Child::end() {
  if (pid_ <= 0) return;
  (void)::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

Result<int> Child::wait(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    ready = ::poll(&ended, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) {
    end();
    return Error::system(ETIMEDOUT, "wait for", "the end of a helper process");
  }
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

}  // namespace caisson::runner
