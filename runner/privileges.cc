#include "runner/privileges.hh"

#include <sys/prctl.h>

#include <cerrno>
#include <utility>

#include "base/capabilities.hh"
#include "base/privileges.hh"

namespace caisson::runner {
namespace {

/// The ids of setresuid and setresgid. -1, "as it is", is above `last` as well: nobody needs it. The kernel takes the low
/// 32 bits, the filter sees 64: whatever has more is above `last`, too.
Status deny_others(SystemCallFilter& filter, int call, std::uint32_t first, std::uint32_t last) {
  for (unsigned argument = 0; argument < 3; ++argument) {
    for (const auto& [compare, bound] : {std::pair{SCMP_CMP_LT, first}, std::pair{SCMP_CMP_GT, last}}) {
      TRYV(filter.deny_if(call, {.arg = argument, .op = compare, .datum_a = bound, .datum_b = 0}));
    }
  }
  return ok();
}

}  // namespace

Status keep_only_needed_capabilities() {
  if (!has_capability(CAP_SETUID)) return ok();
  // Who may not bound itself was bounded by whoever started it.
  const bool bounds = has_capability(CAP_SETPCAP);
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return Error::system(errno, "drop", "ambient capabilities");
  return keep_capabilities({CAP_SETUID, CAP_SETGID, CAP_KILL},
                           bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
}

Status become_only(std::uint32_t first, std::uint32_t last) {
  TRY(auto filter, SystemCallFilter::make());
  TRYV(filter.deny({SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setregid),
                    SCMP_SYS(setfsuid), SCMP_SYS(setfsgid)}));
  for (const int call : {SCMP_SYS(setresuid), SCMP_SYS(setresgid)}) {
    TRYV(deny_others(filter, call, first, last));
  }
  TRYV(filter.deny_if(SCMP_SYS(setgroups), {.arg = 0, .op = SCMP_CMP_GT, .datum_a = 1, .datum_b = 0}));
  return std::move(filter).load();
}

}  // namespace caisson::runner
