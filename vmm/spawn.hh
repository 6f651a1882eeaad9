// Starts an unprivileged child that dies with us.
#pragma once

#include <sched.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"
#include "vmm/jail.hh"

namespace caisson::vmm {

/// The first of ChildSpec::inherited gets this number in the child, the next ones those that follow.
inline constexpr int kFirstInheritedFd = 3;

struct ChildSpec {
  std::vector<std::string> argv;
  std::uint32_t uid = 65534;  ///< and gid
  std::vector<std::uint32_t> supplementary_groups;
  std::vector<int> inherited;  ///< borrowed; every other descriptor is closed in the child
  int stderr_fd = -1;          ///< borrowed; standard output, too. -1: /dev/null
  std::optional<Jail> jail;    ///< none: the child sees what we see
  /// Borrowed. cgroup v2: the group in which the child is born; -1: ours.
  int cgroup_folder = -1;
  /// Borrowed. cgroup v1: the `tasks` files of the groups that the child joins before anything else.
  std::vector<int> cgroup_tasks;
  std::vector<unsigned> cpus;  ///< that the child may use; none: those of the thread that forks
};

/// For sched_setaffinity(2).
cpu_set_t set_of(const std::vector<unsigned>& cpus);

struct Child {
  int pid = -1;
  Fd pidfd;  ///< readable when the child has ended
};

/// Forks and executes. The child runs as spec.uid without supplementary groups but those given, without any
/// capability, with no_new_privs, the limits of limit_resources(), an empty signal mask, in "/", and gets SIGKILL
/// when this process ends.
///
/// That last signal is tied to the *thread* that forked; so the fork is done by a thread that this function
/// makes once and that lives as long as the process. Thread-safe. Errors: the errno of the step in the child
/// that failed, execve included; "NoNamespaces" where the system lets us make none for a jail.
Result<Child> spawn(const ChildSpec& spec);

}  // namespace caisson::vmm
