#include "netd/privileges.hh"

#include <cap-ng.h>
#include <seccomp.h>

#include <cerrno>
#include <memory>

namespace caisson::netd {
namespace {

struct FilterCloser {
  void operator()(void* filter) const { seccomp_release(filter); }
};

Status keep_capabilities() {
  capng_clear(CAPNG_SELECT_BOTH);
  const auto kept = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET);
  if (capng_updatev(CAPNG_ADD, kept, CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN, -1) != 0 ||
      capng_apply(CAPNG_SELECT_BOTH) != 0) {
    return Error{.code = "EPERM", .message = "capabilities: could not be dropped", .errno_value = EPERM};
  }
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
                         SCMP_SYS(process_vm_readv),
                         SCMP_SYS(process_vm_writev),
                         SCMP_SYS(init_module),
                         SCMP_SYS(finit_module),
                         SCMP_SYS(delete_module),
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
                         SCMP_SYS(setgid)}) {
    if (const int code = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0); code != 0) {
      return Error::system(-code, "add a rule to", "the seccomp filter");
    }
  }
  if (const int code = seccomp_load(filter.get()); code != 0) {
    return Error::system(-code, "load", "the seccomp filter");
  }
  return ok();
}

}  // namespace

Status drop_privileges() {
  TRYV(keep_capabilities());
  return deny_system_calls();
}

}  // namespace caisson::netd
