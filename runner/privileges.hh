// What runnerd may do: change to the microVMs' users and end their processes, nothing else.
#pragma once

#include <cstdint>

#include "base/result.hh"

namespace caisson::runner {

/// Drops all capabilities but CAP_SETUID, CAP_SETGID and CAP_KILL, where it may from the bounding set, too; no program
/// that is executed inherits them. Does nothing without CAP_SETUID. Error: EPERM.
/// Call before threads are made: capabilities belong to a thread.
Status keep_only_needed_capabilities();

/// CAP_SETUID is the right to become anybody, root as well. After this neither the process nor a child of its can become
/// any user or group but `first` to `last`: the kernel refuses the system calls with EPERM. One supplementary group, that of
/// /dev/kvm, may be taken, which no filter can look at. A user namespace is no way round: without CAP_SETFCAP nobody maps
/// the host's root into one (user_namespaces(7)). For good, and with no_new_privs. Errors: those of SystemCallFilter.
/// Call before threads are made.
Status become_only(std::uint32_t first, std::uint32_t last);

}  // namespace caisson::runner
