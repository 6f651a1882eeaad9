// Availability Zones: their names and ids are both shown, as in EC2.
#pragma once

#include <optional>
#include <string>

namespace caisson::netd::api {

/// "us-east-1a" is "use1-az1".
inline std::string zone_id(const std::string& name) {
  return "use1-az" + std::to_string(name.back() - 'a' + 1);
}

/// The name of the zone with this id.
inline std::optional<std::string> zone_with_id(const std::string& id) {
  for (char letter = 'a'; letter <= 'f'; ++letter) {
    const std::string name = std::string("us-east-1") + letter;
    if (zone_id(name) == id) return name;
  }
  return std::nullopt;
}

}  // namespace caisson::netd::api
