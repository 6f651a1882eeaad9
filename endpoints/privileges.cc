#include "endpoints/privileges.hh"

#include <cap-ng.h>
#include <grp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace caisson::endpoints {
namespace {

struct FilterCloser {
  void operator()(void* filter) const { seccomp_release(filter); }
};

Status become(unsigned user) {
  if (::setgroups(0, nullptr) != 0) return Error::system(errno, "leave", "all groups");
  if (::setresgid(user, user, user) != 0) return Error::system(errno, "become group", std::to_string(user));
  if (::setresuid(user, user, user) != 0) return Error::system(errno, "become user", std::to_string(user));
  return ok();
}

Status drop_capabilities() {
  capng_clear(CAPNG_SELECT_ALL);
  // The bounding set can be emptied by who has CAP_SETPCAP alone.
  const auto sets = ::geteuid() == 0 ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS;
  if (capng_apply(sets) != 0)
    return Error{.code = "EPERM", .message = "capabilities: could not be dropped", .errno_value = EPERM};
  return ok();
}

Status deny_system_calls() {
  const std::unique_ptr<void, FilterCloser> filter(seccomp_init(SCMP_ACT_ALLOW));
  if (!filter) return Error::system(ENOMEM, "make", "a seccomp filter");
  for (const int call : {SCMP_SYS(execve),
                         SCMP_SYS(execveat),
                         SCMP_SYS(fork),
                         SCMP_SYS(vfork),
                         SCMP_SYS(ptrace),
                         SCMP_SYS(kill),
                         SCMP_SYS(tkill),
                         SCMP_SYS(process_vm_readv),
                         SCMP_SYS(setns),
                         SCMP_SYS(unshare),
                         SCMP_SYS(process_vm_writev),
                         SCMP_SYS(init_module),
                         SCMP_SYS(mount),
                         SCMP_SYS(umount2),
                         SCMP_SYS(finit_module),
                         SCMP_SYS(delete_module),
                         SCMP_SYS(bpf),
                         SCMP_SYS(perf_event_open),
                         SCMP_SYS(kexec_load),
                         SCMP_SYS(kexec_file_load),
                         SCMP_SYS(reboot),
                         SCMP_SYS(swapon),
                         SCMP_SYS(swapoff),
                         SCMP_SYS(pivot_root),
                         SCMP_SYS(chroot),
                         SCMP_SYS(add_key),
                         SCMP_SYS(request_key),
                         SCMP_SYS(keyctl),
                         SCMP_SYS(userfaultfd),
                         SCMP_SYS(setuid),
                         SCMP_SYS(setgid),
                         SCMP_SYS(setresuid),
                         SCMP_SYS(setresgid),
                         SCMP_SYS(setgroups),
                         SCMP_SYS(io_uring_setup),
                         SCMP_SYS(open_by_handle_at)}) {
    if (const int code = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0); code != 0)
      return Error::system(-code, "add a rule to", "the seccomp filter");
  }
  // AF_UNIX is 1, AF_INET 2; no other one is below.
  if (const int code = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                        SCMP_A0(SCMP_CMP_GT, AF_INET));
      code != 0) {
    return Error::system(-code, "add a rule to", "the seccomp filter");
  }
  if (const int code = seccomp_load(filter.get()); code != 0)
    return Error::system(-code, "load", "the seccomp filter");
  return ok();
}

}  // namespace

Status drop_privileges(unsigned user) {
  // The bounding set first: it can be changed by root alone.
  if (user != 0 && ::geteuid() == 0) {
    capng_clear(CAPNG_SELECT_BOUNDS);
    if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
      return Error{.code = "EPERM", .message = "capabilities: could not be bounded", .errno_value = EPERM};
    TRYV(become(user));
  }
  TRYV(drop_capabilities());
  return deny_system_calls();
}

}  // namespace caisson::endpoints
