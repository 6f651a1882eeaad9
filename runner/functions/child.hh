// Helper processes that handle what callers sent: another user, no privileges, limited resources.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::runner {

struct ChildSpec {
  int program = -1;                    ///< an open executable (it need not be reachable by path for the user)
  std::vector<std::string> arguments;  ///< argv, the program's name first
  int input = -1;                      ///< becomes descriptor 0
  int output = -1;                     ///< becomes descriptor 1
  int errors = -1;                     ///< becomes descriptor 2
  int extra = -1;                      ///< becomes descriptor 3, or -1
  int cgroup = -1;                     ///< a file to which the child writes "0" to join its group, or -1
  cpu_set_t cpus{};                    ///< that the child may use; none: the caller's
  std::uint32_t uid = 65534;           ///< user and group; ignored when the caller can't change its user
  std::uint64_t address_space_bytes = 0;
  std::uint64_t file_bytes = 0;
  std::uint32_t cpu_seconds = 0;
};

/// A running child; killed and reaped when destroyed. Move-only.
class Child {
 public:
  /// The child has no_new_privs, no supplementary groups, no environment but PATH, an empty descriptor table
  /// but for those of the spec, and dies with the calling thread. Errors: those of fork.
  static Result<Child> spawn(const ChildSpec& spec);

  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  /// The wait status (see waitpid), or ETIMEDOUT, after which the child is dead.
  Result<int> wait(std::chrono::milliseconds timeout);

 private:
  Child(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  void end();

  pid_t pid_ = -1;
  Fd pidfd_;
};

}  // namespace caisson::runner
