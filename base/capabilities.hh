// What the calling thread may do.
#pragma once

namespace caisson {

/// Is the capability (CAP_SETUID, ... of linux/capability.h) in the thread's effective set? False also where the kernel
/// doesn't know it.
bool has_capability(int capability);

}  // namespace caisson
