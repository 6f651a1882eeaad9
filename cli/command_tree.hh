// A command line as a value: what --help shows, for the manual pages and the completion.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace caisson::cli {

struct CommandOption {
  std::vector<std::string> names;    ///< "-h", "--help"; empty: it stands by itself
  std::string value;                 ///< "TEXT", "UINT in [2 - 1000000]"; empty: a flag
  std::vector<std::string> choices;  ///< when it takes one of a few words
  std::string default_value;
  std::string doc;
  std::string environment;  ///< the variable that may give it
  std::string group;        ///< "OPTIONS"
  bool required = false;
  bool repeats = false;  ///< takes several values
};

struct CommandTree {
  std::string name;
  std::string doc;
  std::string footer;
  std::string group;  ///< empty: not shown
  std::vector<CommandOption> options;
  std::vector<CommandTree> commands;
};

CommandTree tree_of(const CLI::App& app);

}  // namespace caisson::cli
