// What the table of operations says about itself.
#pragma once

#include <string>

namespace caisson::cli {

/// docs/api.md: every action with its members.
std::string api_docs();

}  // namespace caisson::cli
