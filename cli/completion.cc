#include "cli/completion.hh"

#include <algorithm>
#include <map>

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

std::string words_of(const CommandTree& command, const CommandTree& root) {
  std::string words;
  for (const auto& inner : command.commands) {
    if (is_shown(inner)) words += " " + inner.name;
  }
  for (const auto& option : command.options) {
    if (option.names.empty()) {
      for (const auto& choice : option.choices)
        words += " " + choice;
    }
    for (const auto& name : option.names)
      words += " " + name;
  }
  if (&command == &root) return words;
  // Those of the whole program may stand behind a command, too.
  for (const auto& option : root.options) {
    for (const auto& name : option.names) {
      if (words.find(" " + name) == std::string::npos) words += " " + name;
    }
  }
  return words;
}

void add_commands(const CommandTree& command, const CommandTree& root, const std::string& path,
                  std::string& cases) {
  cases += "    \"" + path + "\") words=\"" + words_of(command, root).substr(1) + "\" ;;\n";
  for (const auto& inner : command.commands) {
    if (is_shown(inner)) add_commands(inner, root, path + (path.empty() ? "" : " ") + inner.name, cases);
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

std::string value_cases(const CommandTree& tree) {
  std::map<std::string, std::string> values;
  add_values(tree, values);
  const bool has_ids = std::any_of(tree.commands.begin(), tree.commands.end(),
                                   [](const CommandTree& one) { return one.name == "describe-vpcs"; });
  std::string cases;
  std::string others;
  for (const auto& [name, choices] : values) {
    const IdSource* ids = has_ids ? ids_of(name) : nullptr;
    if (!choices.empty()) {
      cases += "    " + name + ") words=\"" + choices + "\" ;;\n";
    } else if (ids != nullptr) {
      cases += "    " + name + ") words=$(" + tree.name + " \"${globals[@]}\" --json " + ids->command +
               " 2>/dev/null | grep -o '\"" + ids->prefix + "[0-9a-f]*\"' | tr -d '\"' | sort -u) ;;\n";
    } else {
      others += (others.empty() ? "" : " | ") + name;
    }
  }
  return cases + "    " + others + ") return ;;\n";
}

std::string takes_value(const CommandTree& tree) {
  std::map<std::string, std::string> values;
  add_values(tree, values);
  std::string names;
  for (const auto& [name, choices] : values)
    names += (names.empty() ? "" : " | ") + name;
  return names;
}

}  // namespace

std::string bash_completion(const CommandTree& tree) {
  std::string cases;
  add_commands(tree, tree, "", cases);
  const std::string function = "_" + tree.name;
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
         takes_value(tree) +
         R"() i=$((i + 1)) ;;
      -*) ;;
      *) command+=${command:+ }${COMP_WORDS[i]} ;;
    esac
  done
  case $before in
)" + value_cases(tree) +
         R"(    *)
      case $command in
)" + cases +
         R"(      esac
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F )" +
         function + " " + tree.name + "\n";
}

}  // namespace caisson::cli
