// What endpointd gives up: it reads what guests send.
#pragma once

#include "base/result.hh"

namespace caisson::endpoints {

/// Becomes `user` and the group of the same id, without further groups, if it is not 0; gives up every capability, and
/// by seccomp what it has no use for: other programs, other users, namespaces, BPF, sockets other than UNIX and IPv4
/// ones. For the whole process: call it before the first thread is started. Irrevocable.
Status drop_privileges(unsigned user);

}  // namespace caisson::endpoints
