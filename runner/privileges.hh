// What runnerd may do: change to the microVMs' users and end their processes, nothing else.
#pragma once

#include "base/result.hh"

namespace caisson::runner {

/// Drops all capabilities but CAP_SETUID, CAP_SETGID and CAP_KILL, from the bounding set, too.
/// Does nothing without privileges. Error: "Capabilities".
/// Call before threads are made: capabilities belong to a thread.
Status keep_only_needed_capabilities();

}  // namespace caisson::runner
