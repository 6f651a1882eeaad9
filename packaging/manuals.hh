// What the manual pages say beyond --help.
#pragma once

#include "packaging/manual.hh"

namespace caisson::packaging {

Manual caisson_manual();
Manual netd_manual();
Manual endpointd_manual();
Manual runnerd_manual();

}  // namespace caisson::packaging
