// What the table of operations says about itself.
#pragma once

#include <string>

namespace caisson::cli {

/// docs/api.md: every action with its members.
std::string api_docs();

/// A completion script for bash: subcommands, and the options of each.
std::string bash_completion();

}  // namespace caisson::cli
