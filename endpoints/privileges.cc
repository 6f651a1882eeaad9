#include "endpoints/privileges.hh"

#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/privileges.hh"

namespace caisson::endpoints {
namespace {

Status become(unsigned user) {
  if (::setgroups(0, nullptr) != 0) return Error::system(errno, "leave", "all groups");
  if (::setresgid(user, user, user) != 0) return Error::system(errno, "become group", std::to_string(user));
  if (::setresuid(user, user, user) != 0) return Error::system(errno, "become user", std::to_string(user));
  return ok();
}

Status deny_system_calls() {
  TRY(auto filter, SystemCallFilter::make());
  TRYV(filter.deny_what_no_server_needs());
  TRYV(filter.deny({SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(mount),
                    SCMP_SYS(umount2), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(setresuid),
                    SCMP_SYS(setresgid), SCMP_SYS(setgroups), SCMP_SYS(io_uring_setup),
                    SCMP_SYS(open_by_handle_at)}));
  // AF_UNIX is 1, AF_INET 2; no other one is below.
  TRYV(filter.deny_if(SCMP_SYS(socket), {.arg = 0, .op = SCMP_CMP_GT, .datum_a = AF_INET, .datum_b = 0}));
  return std::move(filter).load();
}

}  // namespace

Status drop_privileges(unsigned user) {
  // The bounding set can be emptied by who has CAP_SETPCAP alone, and it first: the others are gone with the user.
  if (user != 0 && ::geteuid() == 0) {
    TRYV(keep_capabilities({}, CAPNG_SELECT_BOUNDS));
    TRYV(become(user));
  }
  TRYV(keep_capabilities({}, ::geteuid() == 0 ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS));
  return deny_system_calls();
}

}  // namespace caisson::endpoints
