#include "vmm/guest/agent/runtime_process.hh"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "vmm/guest/agent/system.hh"

namespace caisson::guest {
namespace {

constexpr const char* kCgroup = "/sys/fs/cgroup/runtime/";
constexpr const char* kBootstraps[] = {"/var/runtime/bootstrap", "/var/task/bootstrap", "/opt/bootstrap"};

const char* find_bootstrap() {
  for (const char* path : kBootstraps) {
    if (::access(path, X_OK) == 0) return path;
  }
  return kBootstraps[0];
}

[[noreturn]] void run(const char* bootstrap, int output, const vmm::agent::Environment& environment) {
  const int null = ::open("/dev/null", O_RDONLY);
  if (::dup2(null, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0) fail_start("dup2");
  (void)::syscall(SYS_close_range, 3U, ~0U, 0U);
  if (auto status = write_file(std::string(kCgroup) + "cgroup.procs", "0"); !status)
    fail_start("join the cgroup");
  ::setsid();
  become_function_user();
  if (::chdir("/var/task") != 0 && ::chdir("/") != 0) fail_start("chdir");
  sigset_t empty;
  ::sigemptyset(&empty);
  ::sigprocmask(SIG_SETMASK, &empty, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment)
    variables.push_back(name + "=" + value);
  std::vector<char*> pointers;
  for (std::string& variable : variables)
    pointers.push_back(variable.data());
  pointers.push_back(nullptr);
  char* arguments[] = {const_cast<char*>(bootstrap), nullptr};
  ::execve(bootstrap, arguments, pointers.data());
  fail_start(bootstrap);
}

}  // namespace

vmm::agent::Environment runtime_environment(const vmm::agent::Init& init) {
  vmm::agent::Environment out = init.environment;
  out["_HANDLER"] = init.handler;
  out["AWS_LAMBDA_RUNTIME_API"] = std::string(kRuntimeApiAddress) + ":" + std::to_string(kRuntimeApiPort);
  out["LAMBDA_TASK_ROOT"] = "/var/task";
  out["LAMBDA_RUNTIME_DIR"] = "/var/runtime";
  out.emplace("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", std::to_string(init.memory_mib));
  out.emplace("LANG", "en_US.UTF-8");
  out.emplace("TZ", ":UTC");
  out.emplace("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin");
  out.emplace(
      "LD_LIBRARY_PATH",
      "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib");
  return out;
}

Status RuntimeProcess::start(const vmm::agent::Environment& environment) {
  int raw[2];
  if (::pipe2(raw, O_CLOEXEC) != 0) return Error::system(errno, "make", "the runtime's pipe");
  Fd ours = Fd::own(raw[0]);
  const Fd theirs = Fd::own(raw[1]);
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0)
    return Error::system(errno, "set up", "the runtime's pipe");
  const char* bootstrap = find_bootstrap();
  const pid_t pid = ::fork();
  if (pid < 0) return Error::system(errno, "fork", bootstrap);
  if (pid == 0) run(bootstrap, theirs.get(), environment);
  pid_ = pid;
  output_ = std::move(ours);
  return ok();
}

void RuntimeProcess::kill() {
  (void)write_file(std::string(kCgroup) + "cgroup.kill", "1");
  // It may not have joined its cgroup yet.
  if (pid_ > 0) (void)::kill(pid_, SIGKILL);
  // PID 1 has no child but the runtime's processes: all of them are killed, so this ends.
  while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
  pid_ = 0;
}

std::optional<int> RuntimeProcess::reap() {
  std::optional<int> runtime_status;
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != pid_) continue;
    runtime_status = status;
    pid_ = 0;
  }
  return runtime_status;
}

std::int64_t RuntimeProcess::max_memory_mib() {
  const std::string text = read_file(std::string(kCgroup) + "memory.peak");
  const std::int64_t bytes = std::strtoll(text.c_str(), nullptr, 10);
  return (bytes + (1 << 20) - 1) >> 20;
}

[[noreturn]] void fail_start(const char* step) {
  ::dprintf(2, "caisson: cannot start the runtime: %s: %s\n", step, std::strerror(errno));
  ::_exit(127);
}

std::string describe_exit(int wait_status) {
  if (WIFEXITED(wait_status)) return "exit status " + std::to_string(WEXITSTATUS(wait_status));
  const char* name = ::sigabbrev_np(WTERMSIG(wait_status));
  if (WTERMSIG(wait_status) == SIGKILL) return "signal: killed";
  if (WTERMSIG(wait_status) == SIGSEGV) return "signal: segmentation fault";
  return std::string("signal: ") + (name != nullptr ? name : "unknown");
}

}  // namespace caisson::guest
