#include "base/version.hh"

namespace caisson {

const char* version() {
  return CAISSON_VERSION;
}

}  // namespace caisson
