#include "runner/privileges.hh"

#include <cap-ng.h>
#include <unistd.h>

namespace caisson::runner {

Status keep_only_needed_capabilities() {
  if (::geteuid() != 0) return ok();
  capng_clear(CAPNG_SELECT_BOTH);
  const auto kept = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET);
  if (capng_updatev(CAPNG_ADD, kept, CAP_SETUID, CAP_SETGID, CAP_KILL, -1) != 0 ||
      capng_apply(CAPNG_SELECT_BOTH) != 0) {
    return Error{.code = "Capabilities",
                 .message = "the capabilities that aren't needed could not be dropped"};
  }
  return ok();
}

}  // namespace caisson::runner
