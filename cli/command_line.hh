// The command line of `caisson`, built from the table of operations.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "cli/command_tree.hh"

namespace caisson::cli {

/// Runs one command. Returns the exit status: 0, 1 for an error of the API, 2 for wrong usage. `arguments`
/// are those behind the program's name.
int run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err);

/// All of it as a value.
CommandTree command_tree();

}  // namespace caisson::cli
