#include "base/instance.hh"

namespace caisson {

std::string instance_name(const std::string& instance) {
  return instance.empty() ? "caisson" : "caisson-" + instance;
}

}  // namespace caisson
