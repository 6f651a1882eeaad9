// What netd keeps of root's powers.
#pragma once

#include "base/result.hh"

namespace caisson::netd {

/// Keeps CAP_NET_ADMIN (links, taps, tc, nft), CAP_BPF and CAP_PERFMON (maps, programs) and CAP_SYS_ADMIN (other
/// network namespaces, bpffs), in the bounding set, too, and denies by seccomp what netd has no use for, first of all
/// to run another program. For the whole process: call it before the first thread is started. Irrevocable.
Status drop_privileges();

}  // namespace caisson::netd
