#include "packaging/manual.hh"

#include <algorithm>

namespace caisson::packaging {
namespace {

using cli::CommandOption;
using cli::CommandTree;

/// Text that roff shows as it is. A line must not begin with a control character; a hyphen must stay one.
std::string plain(const std::string& text) {
  std::string escaped;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && (c == '.' || c == '\'')) escaped += "\\&";
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      escaped += c;
    }
    at_start = c == '\n';
  }
  return escaped;
}

std::string bold(const std::string& text) {
  return "\\fB" + plain(text) + "\\fR";
}

std::string italic(const std::string& text) {
  return "\\fI" + plain(text) + "\\fR";
}

/// A paragraph's text; what stands between backticks is bold.
std::string marked(const std::string& text) {
  std::string shown;
  std::size_t at = 0;
  bool is_bold = false;
  while (at <= text.size()) {
    const auto tick = std::min(text.find('`', at), text.size());
    const std::string part = text.substr(at, tick - at);
    shown += is_bold ? bold(part) : plain(part);
    is_bold = !is_bold;
    at = tick + 1;
  }
  return shown;
}

std::string upper(std::string text) {
  for (char& c : text)
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

std::string value_of(const CommandOption& option) {
  if (option.choices.empty()) return italic(option.value);
  std::string words;
  for (const auto& choice : option.choices)
    words += (words.empty() ? "" : "|") + bold(choice);
  return words;
}

std::string option_item(const CommandOption& option) {
  std::string text = ".TP\n";
  for (std::size_t i = 0; i < option.names.size(); ++i)
    text += (i == 0 ? "" : ", ") + bold(option.names[i]);
  if (!option.value.empty()) text += (option.names.empty() ? "" : " ") + value_of(option);
  if (option.repeats) text += " ...";
  text += "\n" + plain(option.doc);
  if (!option.doc.ends_with(".")) text += ".";
  if (option.required) text += " Required.";
  if (!option.default_value.empty()) text += " Default: " + bold(option.default_value) + ".";
  return text + "\n";
}

std::string options(const CommandTree& tree) {
  std::string text;
  for (const auto& option : tree.options) {
    if (!option.group.empty()) text += option_item(option);
  }
  return text;
}

/// A command's own options and its example.
std::string details(const CommandTree& command) {
  std::string text;
  for (const auto& option : command.options) {
    const bool help = std::find(option.names.begin(), option.names.end(), "--help") != option.names.end();
    if (!option.group.empty() && !help) text += option_item(option);
  }
  if (const auto example = command.footer.find("\n  "); example != std::string::npos)
    text += ".PP\nExample: " + bold(command.footer.substr(example + 3)) + "\n";
  return text;
}

/// Commands with their own options; the group's name first where it changes.
std::string commands(const CommandTree& tree, const std::string& path) {
  std::string text;
  std::string group;
  for (const auto& command : tree.commands) {
    if (command.group.empty()) continue;
    if (path.empty() && command.group != group) text += ".SS " + plain(command.group) + "\n";
    group = command.group;
    const std::string name = path + command.name;
    text += ".TP\n" + bold(name) + "\n" + plain(command.doc) + "\n";
    if (const std::string own = details(command); !own.empty()) text += ".RS\n" + own + ".RE\n";
    text += commands(command, name + " ");
  }
  return text;
}

void add_environment(const CommandTree& tree, std::string& text) {
  for (const auto& option : tree.options) {
    if (option.environment.empty()) continue;
    text += ".TP\n" + bold(option.environment) + "\nThe value of " + bold(option.names.back()) +
            " where it is not given.\n";
  }
  for (const auto& command : tree.commands)
    add_environment(command, text);
}

std::string part_text(const Manual::Part& part) {
  std::string text = ".SH " + plain(part.title) + "\n";
  for (const auto& item : part.items)
    text += ".TP\n" + bold(item.term) + "\n" + marked(item.text) + "\n";
  for (std::size_t i = 0; i < part.paragraphs.size(); ++i)
    text += (i == 0 ? "" : ".PP\n") + marked(part.paragraphs[i]) + "\n";
  return text;
}

}  // namespace

std::string manual_page(const CommandTree& tree, const Manual& manual) {
  std::string text = ".TH " + upper(tree.name) + " " + std::to_string(manual.section) + " \"" + manual.date +
                     "\" \"Caisson " + manual.version + "\"\n";
  std::string purpose = tree.doc;
  if (purpose.ends_with(".")) purpose.pop_back();
  text += ".SH NAME\n" + plain(tree.name) + " \\- " + plain(purpose) + "\n";
  text += ".SH SYNOPSIS\n" + bold(tree.name) + " " + marked(manual.synopsis) + "\n.SH DESCRIPTION\n";
  for (std::size_t i = 0; i < manual.description.size(); ++i)
    text += (i == 0 ? "" : ".PP\n") + marked(manual.description[i]) + "\n";
  text += ".SH OPTIONS\n" + options(tree);
  if (!tree.commands.empty()) text += ".SH COMMANDS\n" + commands(tree, "");
  std::string environment;
  add_environment(tree, environment);
  if (!environment.empty()) text += ".SH ENVIRONMENT\n" + environment;
  for (const auto& part : manual.parts)
    text += part_text(part);
  text += ".SH SEE ALSO\n";
  for (std::size_t i = 0; i < manual.see_also.size(); ++i) {
    const auto& page = manual.see_also[i];
    const auto bracket = page.find('(');
    text += ".BR " + plain(page.substr(0, bracket)) + " " + page.substr(bracket) +
            (i + 1 < manual.see_also.size() ? " ," : "") + "\n";
  }
  return text;
}

}  // namespace caisson::packaging
