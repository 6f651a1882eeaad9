// Completion scripts, made from what --help is made from.
#pragma once

#include <string>

#include "cli/command_tree.hh"

namespace caisson::cli {

/// For bash: commands, their options, the values of options that take one of a few words, and, of `caisson`, the ids
/// that netd knows.
std::string bash_completion(const CommandTree& tree);

}  // namespace caisson::cli
