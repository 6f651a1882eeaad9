// Limits of the process.
#pragma once

#include "base/result.hh"

namespace caisson {

/// Raises the soft limit of open descriptors to the hard one: a daemon has thousands of connections and taps, and the
/// usual soft limit of 1,024 is kept low for select(2) only. Errors: setrlimit's.
Status raise_descriptor_limit();

}  // namespace caisson
