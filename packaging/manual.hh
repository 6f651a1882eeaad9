// Manual pages in man(7)'s macros: pure.
#pragma once

#include <string>
#include <vector>

#include "cli/command_tree.hh"

namespace caisson::packaging {

/// What --help does not say. In paragraphs, `word` is bold.
struct Manual {
  int section = 8;
  std::string date;      ///< "2026-11-23"
  std::string version;   ///< "0.1.0"
  std::string synopsis;  ///< behind the program's name
  std::vector<std::string> description;
  struct Item {
    std::string term;
    std::string text;
  };
  struct Part {
    std::string title;  ///< "FILES"
    std::vector<Item> items;
    std::vector<std::string> paragraphs = {};
  };
  std::vector<Part> parts;
  std::vector<std::string> see_also;  ///< "netd(8)"
};

/// Name, synopsis, description, options and commands as the tree has them, environment, and the manual's own parts.
std::string manual_page(const cli::CommandTree& tree, const Manual& manual);

}  // namespace caisson::packaging
