// The project's version.
#pragma once

namespace caisson {

/// "0.1.0", as in CMakeLists.txt.
const char* version();

}  // namespace caisson
