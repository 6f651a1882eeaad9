// Completion scripts, made from what --help is made from.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "cli/command_tree.hh"

namespace caisson::cli {

inline constexpr std::array<const char*, 3> kShells = {"bash", "zsh", "fish"};

/// The script for one of kShells: commands, their options, the values of options that take one of a few words, and, of
/// `caisson`, the ids that netd knows; where the shell shows such, each with its line of --help. Nothing for any other
/// shell.
std::optional<std::string> completion(const std::string& shell, const CommandTree& tree);

}  // namespace caisson::cli
