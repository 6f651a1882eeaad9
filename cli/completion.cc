#include "cli/completion.hh"

#include <algorithm>
#include <map>
#include <vector>

namespace caisson::cli {
namespace {

/// Which command lists the ids that an option takes, and how they begin.
struct IdSource {
  const char* option;
  const char* command;
  const char* prefix;
};
constexpr IdSource kIds[] = {
    {"vpc-id", "describe-vpcs", "vpc-"},
    {"subnet-id", "describe-subnets", "subnet-"},
    {"group-id", "describe-security-groups", "sg-"},
    {"group", "describe-security-groups", "sg-"},
    {"source-group", "describe-security-groups", "sg-"},
    {"network-interface-id", "describe-network-interfaces", "eni-"},
    {"attachment-id", "describe-network-interfaces", "eni-attach-"},
    {"security-group-rule-id", "describe-security-group-rules", "sgr-"},
    {"network-acl-id", "describe-network-acls", "acl-"},
    {"route-table-id", "describe-route-tables", "rtb-"},
};

bool is_shown(const CommandTree& command) {
  return !command.group.empty();
}

/// What may stand somewhere, and a line about it.
struct Word {
  std::string text;
  std::string doc;
};

std::vector<Word> words_of(const CommandTree& command, const CommandTree& root) {
  std::vector<Word> words;
  for (const auto& inner : command.commands) {
    if (is_shown(inner)) words.push_back({inner.name, inner.doc});
  }
  for (const auto& option : command.options) {
    if (option.names.empty()) {
      for (const auto& choice : option.choices)
        words.push_back({choice, ""});
    }
    for (const auto& name : option.names)
      words.push_back({name, option.doc});
  }
  if (&command == &root) return words;
  // Those of the whole program may stand behind a command, too.
  for (const auto& option : root.options) {
    for (const auto& name : option.names) {
      if (std::ranges::find(words, name, &Word::text) == words.end()) words.push_back({name, option.doc});
    }
  }
  return words;
}

/// What may come after a command's words ("" is the program itself), by these words.
using Commands = std::map<std::string, std::vector<Word>>;

void add_commands(const CommandTree& command, const CommandTree& root, const std::string& path,
                  Commands& commands) {
  commands[path] = words_of(command, root);
  for (const auto& inner : command.commands) {
    if (is_shown(inner)) add_commands(inner, root, path + (path.empty() ? "" : " ") + inner.name, commands);
  }
}

/// Options with a value and their choices, of the whole tree: the same name means the same everywhere.
void add_values(const CommandTree& command, std::map<std::string, std::string>& values) {
  for (const auto& option : command.options) {
    if (option.value.empty()) continue;
    for (const auto& name : option.names) {
      std::string& choices = values[name];
      for (const auto& choice : option.choices) {
        if (!choices.ends_with(choice)) choices += (choices.empty() ? "" : " ") + choice;
      }
    }
  }
  for (const auto& inner : command.commands)
    add_values(inner, values);
}

/// "--vpc-id" and "--vpc-ids" take the same ids.
const IdSource* ids_of(const std::string& option) {
  for (const auto& source : kIds) {
    const std::string name = std::string("--") + source.option;
    if (option == name || option == name + "s") return &source;
  }
  return nullptr;
}

/// A command line, ready for any shell's script.
struct Facts {
  std::string name;
  Commands commands;
  std::map<std::string, std::string> choices;  ///< options with a value of a few words
  std::map<std::string, const IdSource*> ids;  ///< options with a value that netd knows
  std::vector<std::string> others;             ///< options with any other value
  [[nodiscard]] std::vector<std::string> with_value() const;
};

std::vector<std::string> Facts::with_value() const {
  std::vector<std::string> all = others;
  for (const auto& [option, words] : choices)
    all.push_back(option);
  for (const auto& [option, source] : ids)
    all.push_back(option);
  std::ranges::sort(all);
  return all;
}

Facts facts_of(const CommandTree& tree) {
  Facts facts{.name = tree.name, .commands = {}, .choices = {}, .ids = {}, .others = {}};
  add_commands(tree, tree, "", facts.commands);
  std::map<std::string, std::string> values;
  add_values(tree, values);
  const bool has_ids =
      std::ranges::find(tree.commands, "describe-vpcs", &CommandTree::name) != tree.commands.end();
  for (const auto& [option, choices] : values) {
    const IdSource* ids = has_ids ? ids_of(option) : nullptr;
    if (!choices.empty()) {
      facts.choices[option] = choices;
    } else if (ids != nullptr) {
      facts.ids[option] = ids;
    } else {
      facts.others.push_back(option);
    }
  }
  return facts;
}

std::string joined(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const auto& word : words)
    text += (text.empty() ? "" : separator) + word;
  return text;
}

/// The ids that netd knows, one a line; `globals` is how the shell writes the options that say which netd.
std::string ask(const Facts& facts, const IdSource& ids, const char* globals) {
  return facts.name + " " + globals + " --json " + ids.command + " 2>/dev/null | grep -o '\"" + ids.prefix +
         "[0-9a-f]*\"' | tr -d '\"' | sort -u";
}

/// Inside of '...'. All three shells take a quote for the end; fish alone takes a backslash for more than itself.
std::string quoted(const std::string& text, bool fish = false) {
  std::string safe;
  for (const char c : text) {
    if (c == '\'') {
      safe += fish ? "\\'" : "'\\''";
    } else if (c == '\\' && fish) {
      safe += "\\\\";
    } else {
      safe += c;
    }
  }
  return "'" + safe + "'";
}

}  // namespace

std::string bash_completion(const CommandTree& tree) {
  const Facts facts = facts_of(tree);
  std::string values;
  for (const auto& [option, choices] : facts.choices)
    values += "    " + option + ") words=\"" + choices + "\" ;;\n";
  for (const auto& [option, ids] : facts.ids)
    values += "    " + option + ") words=$(" + ask(facts, *ids, "\"${globals[@]}\"") + ") ;;\n";
  std::string cases;
  for (const auto& [path, words] : facts.commands) {
    std::vector<std::string> texts;
    for (const auto& word : words)
      texts.push_back(word.text);
    cases += "    \"" + path + "\") words=\"" + joined(texts, " ") + "\" ;;\n";
  }
  const std::string function = "_" + facts.name;
  return function + R"(() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= words= i
  local -a globals=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --instance | --endpoint | --account)
        ((i + 1 >= COMP_CWORD)) || globals+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
        i=$((i + 1))
        ;;
      )" +
         joined(facts.with_value(), " | ") +
         R"() i=$((i + 1)) ;;
      -*) ;;
      *) command+=${command:+ }${COMP_WORDS[i]} ;;
    esac
  done
  case $before in
)" + values +
         "    " + joined(facts.others, " | ") + R"() return ;;
    *)
      case $command in
)" + cases +
         R"(      esac
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F )" +
         function + " " + facts.name + "\n";
}

std::string zsh_completion(const CommandTree& tree) {
  const Facts facts = facts_of(tree);
  std::string values;
  for (const auto& [option, choices] : facts.choices)
    values += "    " + option + ") compadd -- " + choices + "; return ;;\n";
  for (const auto& [option, ids] : facts.ids)
    values += "    " + option + ") compadd -- ${(f)\"$(" + ask(facts, *ids, "$globals") + ")\"}; return ;;\n";
  std::string cases;
  for (const auto& [path, words] : facts.commands) {
    cases += "    " + quoted(path) + ") items=(\n";
    // _describe takes what stands behind the first colon for the description.
    for (const auto& word : words)
      cases += "      " + quoted(word.text + (word.doc.empty() ? "" : ":" + word.doc)) + "\n";
    cases += "    ) ;;\n";
  }
  const std::string function = "_" + facts.name;
  return "#compdef " + facts.name + "\n" + function + R"(() {
  local command= i
  local -a globals items
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
      --instance | --endpoint | --account)
        ((i + 1 >= CURRENT)) || globals+=("$words[i]" "$words[i+1]")
        ((i++))
        ;;
      )" +
         joined(facts.with_value(), " | ") +
         R"() ((i++)) ;;
      -*) ;;
      *) command+=${command:+ }$words[i] ;;
    esac
  done
  case $words[CURRENT-1] in
)" + values +
         "    " + joined(facts.others, " | ") + R"() return ;;
  esac
  case $command in
)" + cases +
         R"(  esac
  _describe 'command or option' items
}
if [[ $funcstack[1] == )" +
         function + " ]]; then " + function + " \"$@\"; else compdef " + function + " " + facts.name +
         "; fi\n";
}

std::string fish_completion(const CommandTree& tree) {
  const Facts facts = facts_of(tree);
  std::string values;
  for (const auto& [option, choices] : facts.choices)
    values +=
        "    case " + option + "\n      string split ' ' -- " + quoted(choices, true) + "\n      return\n";
  for (const auto& [option, ids] : facts.ids)
    values += "    case " + option + "\n      " + ask(facts, *ids, "$globals") + "\n      return\n";
  std::string cases;
  for (const auto& [path, words] : facts.commands) {
    cases += "    case " + quoted(path, true) + "\n";
    for (const auto& word : words)
      cases += "      printf '%s\\t%s\\n' " + quoted(word.text, true) + " " + quoted(word.doc, true) + "\n";
  }
  const std::string function = "__" + facts.name + "_words";
  return "function " + function + R"(
  set -l words (commandline -opc)
  set -l globals
  set -l command
  set -l i 2
  while test $i -le (count $words)
    switch $words[$i]
      case --instance --endpoint --account
        test $i -lt (count $words); and set -a globals $words[$i] $words[(math $i + 1)]
        set i (math $i + 1)
      case )" +
         joined(facts.with_value(), " ") + R"(
        set i (math $i + 1)
      case '-*'
      case '*'
        set -a command $words[$i]
    end
    set i (math $i + 1)
  end
  switch $words[-1]
)" + values +
         "    case " + joined(facts.others, " ") + R"(
      return
  end
  switch "$command"
)" + cases +
         "  end\nend\ncomplete -c " + facts.name + " -f -a '(" + function + ")'\n";
}

std::optional<std::string> completion(const std::string& shell, const CommandTree& tree) {
  if (shell == "bash") return bash_completion(tree);
  if (shell == "zsh") return zsh_completion(tree);
  if (shell == "fish") return fish_completion(tree);
  return std::nullopt;
}

}  // namespace caisson::cli
