#include "cli/command_tree.hh"

#include <CLI/CLI.hpp>

namespace caisson::cli {
namespace {

/// CLI11 writes the validators behind the type: "TEXT:{text,json}", "UINT:UINT in [0 - 16384]".
void take_type(const std::string& text, CommandOption& option) {
  const auto brace = text.find('{');
  if (brace != std::string::npos && text.ends_with("}")) {
    std::string word;
    for (const char c : text.substr(brace + 1)) {
      if (c != ',' && c != '}') {
        word += c;
        continue;
      }
      option.choices.push_back(std::move(word));
      word.clear();
    }
    option.value = text.substr(0, text.find(':'));
    return;
  }
  const auto colon = text.rfind(':');
  option.value = colon == std::string::npos ? text : text.substr(colon + 1);
}

CommandOption describe(const CLI::Option& given) {
  CommandOption option{.default_value = given.get_default_str(),
                       .doc = given.get_description(),
                       .environment = given.get_envname(),
                       .group = given.get_group(),
                       .required = given.get_required(),
                       .repeats = given.get_items_expected_max() > 1};
  for (const auto& name : given.get_snames())
    option.names.push_back("-" + name);
  for (const auto& name : given.get_lnames())
    option.names.push_back("--" + name);
  if (given.get_items_expected_max() > 0) take_type(given.get_type_name(), option);
  if (option.names.empty()) option.value = given.get_name(true);
  return option;
}

}  // namespace

CommandTree tree_of(const CLI::App& app) {
  CommandTree tree{.name = app.get_name(),
                   .doc = app.get_description(),
                   .footer = app.get_footer(),
                   .group = app.get_group()};
  for (const CLI::Option* option : app.get_options())
    tree.options.push_back(describe(*option));
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    tree.commands.push_back(tree_of(*command));
  return tree;
}

}  // namespace caisson::cli
