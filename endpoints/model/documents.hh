// The services' documents that this program was built with.
#pragma once

#include <string_view>
#include <vector>

namespace caisson::endpoints {

/// The texts of endpoints/services/*.json, for parse_service(). Any thread.
const std::vector<std::string_view>& documents();

}  // namespace caisson::endpoints
