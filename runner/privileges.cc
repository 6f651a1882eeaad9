#include "runner/privileges.hh"

#include <cap-ng.h>
#include <seccomp.h>
#include <sys/prctl.h>

#include <cerrno>
#include <memory>

#include "base/capabilities.hh"

namespace caisson::runner {
namespace {

struct FilterCloser {
  void operator()(void* filter) const { seccomp_release(filter); }
};

/// The ids of setresuid and setresgid. -1, "as it is", is above `last` as well: nobody needs it. The kernel takes the low
/// 32 bits, the filter sees 64: whatever has more is above `last`, too.
int deny_others(void* filter, int call, std::uint32_t first, std::uint32_t last) {
  for (unsigned argument = 0; argument < 3; ++argument) {
    for (const auto& [compare, bound] : {std::pair{SCMP_CMP_LT, first}, std::pair{SCMP_CMP_GT, last}}) {
      const scmp_arg_cmp condition{.arg = argument, .op = compare, .datum_a = bound, .datum_b = 0};
      if (const int code = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), call, 1, &condition);
          code != 0)
        return code;
    }
  }
  return 0;
}

int add_rules(void* filter, std::uint32_t first, std::uint32_t last) {
  for (const int call : {SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setregid),
                         SCMP_SYS(setfsuid), SCMP_SYS(setfsgid)}) {
    if (const int code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0); code != 0) return code;
  }
  for (const int call : {SCMP_SYS(setresuid), SCMP_SYS(setresgid)}) {
    if (const int code = deny_others(filter, call, first, last); code != 0) return code;
  }
  const scmp_arg_cmp several{.arg = 0, .op = SCMP_CMP_GT, .datum_a = 1, .datum_b = 0};
  return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(setgroups), 1, &several);
}

}  // namespace

Status keep_only_needed_capabilities() {
  if (!has_capability(CAP_SETUID)) return ok();
  // Who may not bound itself was bounded by whoever started it.
  const bool bounds = has_capability(CAP_SETPCAP);
  capng_clear(CAPNG_SELECT_BOTH);
  const auto kept = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET);
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
      capng_updatev(CAPNG_ADD, kept, CAP_SETUID, CAP_SETGID, CAP_KILL, -1) != 0 ||
      capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) != 0) {
    return Error{.code = "Capabilities",
                 .message = "the capabilities that aren't needed could not be dropped"};
  }
  return ok();
}

Status become_only(std::uint32_t first, std::uint32_t last) {
  const std::unique_ptr<void, FilterCloser> filter(seccomp_init(SCMP_ACT_ALLOW));
  int code = filter ? add_rules(filter.get(), first, last) : -ENOMEM;
  if (code == 0) code = seccomp_load(filter.get());
  if (code == 0) return ok();
  return Error{.code = "Seccomp", .message = "the filter of users could not be loaded", .errno_value = -code};
}

}  // namespace caisson::runner
