// Writes the manual pages and the completion scripts from the programs' own command lines: caisson-documents FOLDER
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "cli/command_line.hh"
#include "cli/completion.hh"
#include "endpoints/options.hh"
#include "netd/options.hh"
#include "packaging/manuals.hh"
#include "runner/options.hh"

namespace caisson::packaging {
namespace {

cli::CommandTree netd_tree() {
  CLI::App app(netd::kPurpose, "netd");
  netd::Options options;
  netd::describe(app, options);
  return cli::tree_of(app);
}

cli::CommandTree endpointd_tree() {
  CLI::App app(endpoints::kPurpose, "endpointd");
  endpoints::Options options;
  endpoints::describe(app, options);
  return cli::tree_of(app);
}

cli::CommandTree runnerd_tree() {
  CLI::App app(runner::kPurpose, "runnerd");
  runner::Options options;
  runner::describe(app, options);
  return cli::tree_of(app);
}

bool write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc);
  file << text;
  file.close();
  if (file) return true;
  std::cerr << path << ": could not be written\n";
  return false;
}

bool write_all(const cli::CommandTree& tree, const Manual& manual, const std::string& folder) {
  for (const char* shell : cli::kShells) {
    if (!write(folder + "/" + tree.name + "." + shell, cli::completion(shell, tree).value_or("")))
      return false;
  }
  return write(folder + "/" + tree.name + "." + std::to_string(manual.section), manual_page(tree, manual));
}

}  // namespace
}  // namespace caisson::packaging

int main(int count, char** words) {
  using namespace caisson::packaging;
  if (count != 2) {
    std::cerr << "Usage: caisson-documents FOLDER\n";
    return 2;
  }
  const std::string folder = words[1];
  return write_all(caisson::cli::command_tree(), caisson_manual(), folder) &&
                 write_all(netd_tree(), netd_manual(), folder) &&
                 write_all(endpointd_tree(), endpointd_manual(), folder) &&
                 write_all(runnerd_tree(), runnerd_manual(), folder)
             ? 0
             : 1;
}
