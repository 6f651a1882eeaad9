// What a daemon gives up for good: capabilities (capabilities(7)) and system calls (seccomp(2)). What each one keeps is
// its own affair and stands in its privileges.cc.
//
// Both belong to a thread: call them before the first further one is started.
#pragma once

#include <cap-ng.h>
#include <seccomp.h>

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "base/result.hh"

namespace caisson {

/// Keeps `kept` (CAP_NET_ADMIN, ...) as permitted and effective ones and gives up all others, in the sets that `where`
/// names (capng_apply(3)); the bounding set can be changed by who has CAP_SETPCAP alone. Error: EPERM.
Status keep_capabilities(std::initializer_list<unsigned> kept, capng_select_t where);

/// A filter of this process's system calls in the making. Move-only; a moved-from one must not be used.
class SystemCallFilter {
 public:
  /// Nothing is filtered before load(). `otherwise`: what is done to a call that no rule names (SCMP_ACT_ALLOW, ...).
  /// Error: ENOMEM.
  static Result<SystemCallFilter> make(std::uint32_t otherwise = SCMP_ACT_ALLOW);

  /// Does `action` to `calls` (SCMP_SYS(execve), ...), whatever their arguments are. Errors: seccomp_rule_add(3)'s.
  Status add(std::uint32_t action, const std::vector<int>& calls);
  /// Refuses `calls` with EPERM.
  Status deny(const std::vector<int>& calls) { return add(SCMP_ACT_ERRNO(EPERM), calls); }
  /// Refuses `call` with EPERM where an argument of its is as in `condition`; the kernel's filter compares 64 bits.
  Status deny_if(int call, const scmp_arg_cmp& condition);
  /// Refuses what no daemon has a use for that starts no program: to run one, to change users, to look into other
  /// processes, to change the kernel or the root, to reach keyrings, to hold up page faults (userfaultfd(2)).
  Status deny_what_no_server_needs();

  /// Applies the filter to this process, its threads to come and its children, with no_new_privs. Irrevocable. Errors:
  /// seccomp_load(3)'s.
  Status load() &&;

 private:
  struct Release {
    void operator()(void* filter) const { seccomp_release(filter); }
  };
  explicit SystemCallFilter(void* filter) : filter_(filter) {}
  std::unique_ptr<void, Release> filter_;
};

}  // namespace caisson
