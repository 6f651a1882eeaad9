// The language runtime as a process tree: /var/runtime/bootstrap, or the function's own "bootstrap".
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.hh"
#include "base/result.hh"
#include "vmm/agent_protocol.hh"

namespace caisson::guest {

inline constexpr const char* kRuntimeApiAddress = "127.0.0.1";
inline constexpr std::uint16_t kRuntimeApiPort = 9001;

/// The function's variables with those that the agent sets (design: reserved names of Lambda).
vmm::agent::Environment runtime_environment(const vmm::agent::Init& init);

class RuntimeProcess {
 public:
  /// Starts it unprivileged (uid 993, no capabilities, no_new_privs, 1,024 files and processes) in its
  /// cgroup, in /var/task; standard output and error go to one pipe. There is none running. Errors: those of
  /// fork and pipe; a bootstrap that can't be executed ends with status 127.
  Status start(const vmm::agent::Environment& environment);

  /// Kills the whole tree and reaps it.
  void kill();

  /// Reaps whatever has ended; the runtime's wait status if it was among that.
  std::optional<int> reap();

  [[nodiscard]] bool running() const { return pid_ > 0; }
  /// What it writes, non-blocking; -1 before the first start and after close_output().
  [[nodiscard]] int output() const { return output_.get(); }
  void close_output() { output_.reset(); }

  /// High-water mark of the runtime's memory since it was first started.
  [[nodiscard]] static std::int64_t max_memory_mib();

 private:
  pid_t pid_ = 0;
  Fd output_;
};

/// In the child, before the runtime's first instruction: the user that a function runs as, its limits and what it
/// gives up for good. Ends the process if that fails.
void become_function_user();

/// Ends the child, whose runtime can't be started: the step and errno's text go to standard error.
[[noreturn]] void fail_start(const char* step);

/// "exit status 1", "signal: killed": as Lambda's messages put it.
std::string describe_exit(int wait_status);

}  // namespace caisson::guest
