#include "base/privileges.hh"

#include <cerrno>

namespace caisson {

Status keep_capabilities(std::initializer_list<unsigned> kept, capng_select_t where) {
  capng_clear(CAPNG_SELECT_ALL);
  const auto sets = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET);
  for (const unsigned capability : kept) {
    if (capng_update(CAPNG_ADD, sets, capability) != 0)
      return Error::system(EINVAL, "keep", "capability " + std::to_string(capability));
  }
  if (capng_apply(where) != 0) return Error::system(EPERM, "drop", "capabilities");
  return ok();
}

Result<SystemCallFilter> SystemCallFilter::make(std::uint32_t otherwise) {
  SystemCallFilter filter(seccomp_init(otherwise));
  if (!filter.filter_) return Error::system(ENOMEM, "make", "a seccomp filter");
  return filter;
}

Status SystemCallFilter::add(std::uint32_t action, const std::vector<int>& calls) {
  for (const int call : calls) {
    if (const int code = seccomp_rule_add(filter_.get(), action, call, 0); code != 0)
      return Error::system(-code, "add a rule to", "the seccomp filter");
  }
  return ok();
}

Status SystemCallFilter::deny_if(int call, const scmp_arg_cmp& condition) {
  const int code = seccomp_rule_add_array(filter_.get(), SCMP_ACT_ERRNO(EPERM), call, 1, &condition);
  return code == 0 ? Status(ok()) : Error::system(-code, "add a rule to", "the seccomp filter");
}

Status SystemCallFilter::deny_what_no_server_needs() {
  return deny({SCMP_SYS(execve),
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
               SCMP_SYS(setgid)});
}

Status SystemCallFilter::load() && {
  const auto filter = std::move(filter_);
  if (const int code = seccomp_load(filter.get()); code != 0)
    return Error::system(-code, "load", "the seccomp filter");
  return ok();
}

}  // namespace caisson
