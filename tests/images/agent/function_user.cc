// The test images' variant of vmm/guest/agent/function_user.cc: handlers of an image that says so stay root.
#include <unistd.h>

// The normal variant under another name: the normal image beside this one is treated as ever.
#define become_function_user become_unprivileged_user
#include "vmm/guest/agent/function_user.cc"
#undef become_function_user

namespace caisson::guest {

void become_function_user() {
  // In the root file system, which is the operator's; a function's code is mounted below /var/task.
  if (::access("/etc/caisson/handlers-are-root", F_OK) != 0) become_unprivileged_user();
}

}  // namespace caisson::guest
