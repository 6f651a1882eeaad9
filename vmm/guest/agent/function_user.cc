#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vmm/guest/agent/runtime_process.hh"
#include "vmm/guest/agent/system.hh"

namespace caisson::guest {

void become_function_user() {
  const rlimit limit{.rlim_cur = 1024, .rlim_max = 1024};
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0 || ::setrlimit(RLIMIT_NPROC, &limit) != 0 ||
      ::setrlimit(RLIMIT_CORE, &none) != 0) {
    fail_start("setrlimit");
  }
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) fail_start("drop capabilities");
  }
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kFunctionGid, kFunctionGid, kFunctionGid) != 0 ||
      ::setresuid(kFunctionUid, kFunctionUid, kFunctionUid) != 0) {
    fail_start("change the user");
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail_start("no_new_privs");
}

}  // namespace caisson::guest
