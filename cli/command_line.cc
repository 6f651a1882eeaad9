#include "cli/command_line.hh"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <sstream>

#include "base/version.hh"
#include "cli/account_commands.hh"
#include "cli/all_flows.hh"
#include "cli/arguments.hh"
#include "cli/client.hh"
#include "cli/completion.hh"
#include "cli/doctor/doctor.hh"
#include "cli/print.hh"
#include "cli/requests/commands.hh"
#include "cli/texts.hh"
#include "netd/api/operations.hh"

namespace caisson::cli {
namespace {

using netd::api::Member;
using netd::api::Operation;
using netd::api::Shape;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

struct Global {
  std::string instance;
  std::string endpoint;
  std::string account;
  bool json = false;
};

/// What stood behind the options of one subcommand.
struct Words {
  std::map<std::string, std::vector<std::string>> members;
  std::map<std::string, bool> flags;
  RuleWords rule;
};

bool has_rule_words(const Operation& operation) {
  return operation.name.ends_with("Ingress") || operation.name.ends_with("Egress");
}

/// CLI11 takes "[a,b]" for a list of its own and would take the brackets of JSON away; a space in front keeps
/// it from that, and means nothing to JSON.
std::string protect(std::string word) {
  return word.starts_with("[") ? " " + word : word;
}
std::string unprotect(const std::string& word) {
  return word.starts_with(" [") ? word.substr(1) : word;
}

std::string hint(const Shape& shape) {
  switch (shape.type) {
    case Shape::Type::kString:
      return "TEXT";
    case Shape::Type::kInteger:
      return "NUMBER";
    case Shape::Type::kBoolean:
      return "";
    case Shape::Type::kStructure:
      return "STRUCTURE";
    case Shape::Type::kList:
      return hint(shape.item.front());  // CLI11 adds the dots
  }
  return "";
}

void add_member(CLI::App& command, const Member& member, Words& words) {
  const std::string name = "--" + kebab_case(member.name);
  if (member.shape.type == Shape::Type::kBoolean) {
    command.add_flag(name, words.flags[member.name], member.doc);
    return;
  }
  auto* option = command.add_option(name, words.members[member.name], member.doc);
  option->type_name(hint(member.shape));
  option->expected(1, member.shape.type == Shape::Type::kList ? CLI::detail::expected_max_vector_size : 1);
  option->required(member.required);
}

void add_rule_options(CLI::App& command, RuleWords& words) {
  const std::string group = "One rule, the short way";
  command.add_option("--protocol", words.protocol, "tcp, udp, icmp, all or a number.")->group(group);
  command.add_option("--port", words.port, "PORT, FIRST-LAST or all; for icmp TYPE or TYPE-CODE.")
      ->group(group);
  command.add_option("--cidr", words.cidr, "IPv4 block.")->group(group);
  command.add_option("--source-group", words.source_group, "Security group instead of a block.")
      ->group(group);
}

Result<Json> parameters_of(const std::vector<Member>& members, const Words& words) {
  Json parameters = Json::object();
  for (const auto& member : members) {
    const auto flag = words.flags.find(member.name);
    if (flag != words.flags.end() && flag->second) parameters[member.name] = true;
    const auto found = words.members.find(member.name);
    if (found == words.members.end() || found->second.empty()) continue;
    std::vector<std::string> plain;
    for (const auto& word : found->second)
      plain.push_back(unprotect(word));
    auto value = value_of(member.shape, plain);
    if (!value) return std::move(value.error()).within("--" + kebab_case(member.name));
    parameters[member.name] = std::move(value.value());
  }
  if (words.rule.any()) {
    TRY(parameters["IpPermissions"], permission_of(words.rule));
  }
  return parameters;
}

class CommandLine {
 public:
  CommandLine(std::ostream& out, std::ostream& err) : out_(out), err_(err) {
    app_.require_subcommand(1);
    app_.set_version_flag("--version", std::string("caisson ") + version(), "Print the version and exit.");
    app_.fallthrough();
    app_.add_option("--instance", global_.instance, "Which of several netd on this host.")
        ->envname("CAISSON_INSTANCE");
    app_.add_option("--endpoint", global_.endpoint,
                    "unix:/PATH, or http://ADDRESS:PORT with the access key of AWS_ACCESS_KEY_ID and "
                    "AWS_SECRET_ACCESS_KEY, or of "
                    "AWS_PROFILE.");
    app_.add_option("--account", global_.account, "Account to act as, 12 digits.");
    app_.add_flag("--json", global_.json, "Print the reply as it is.");
    add_inspections();
    add_doctor();
    const auto ask_as = [this](const std::string& account, const std::string& action,
                               const Json& parameters) -> Result<Json> {
      TRY(const auto where, endpoint());
      return call(where, account, action, parameters);
    };
    const auto act = [this](std::function<Status()> work) {
      action_ = [this, work = std::move(work)] {
        const Status done = work();
        return done ? 0 : fail(done.error());
      };
    };
    add_request_commands(app_, {.ask = ask_as,
                                .act = act,
                                .instance = global_.instance,
                                .account = global_.account,
                                .json = global_.json,
                                .out = out_,
                                .err = err_});
    add_account_commands(app_, {.ask = ask_as, .act = act, .json = global_.json, .out = out_});
    for (const auto& operation : netd::api::operations()) {
      if (!operation.internal) add_operation(operation);
    }
    add_texts();
  }

  [[nodiscard]] CommandTree tree() const { return tree_of(app_); }

  int run(std::vector<std::string> arguments) {
    for (auto& word : arguments)
      word = protect(std::move(word));
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
      return app_.exit(error, out_, err_) == 0 ? 0 : kUsage;
    }
    return action_();
  }

 private:
  using Printer = std::string (*)(const Json&);

  void add_operation(const Operation& operation) {
    auto* command = app_.add_subcommand(kebab_case(operation.name), operation.doc);
    command->group("Actions of the API");
    command->footer("Example:\n  caisson " + kebab_case(operation.name) + " " + operation.example);
    auto words = std::make_shared<Words>();
    for (const auto& member : operation.members) {
      if (member.unsupported.empty()) add_member(*command, member, *words);
    }
    if (has_rule_words(operation)) add_rule_options(*command, words->rule);
    command->callback([this, words, &operation] {
      action_ = [this, words, &operation] {
        const auto parameters = parameters_of(operation.members, *words);
        if (!parameters) return fail(parameters.error());
        return ask(operation.name, parameters.value(), reply_text);
      };
    });
  }

  void add_inspection(const std::string& name, const std::string& doc, const std::string& action,
                      Printer print, const std::string& example = "") {
    auto* command = app_.add_subcommand(name, doc);
    command->group("Looking");
    command->footer("Example:\n  caisson " + name + example);
    auto words = std::make_shared<Words>();
    const auto& members = netd::api::find_inspection(action)->members;
    for (const auto& member : members)
      add_member(*command, member, *words);
    command->callback([this, words, action, print, &members] {
      action_ = [this, words, action, print, &members] {
        const auto parameters = parameters_of(members, *words);
        if (!parameters) return fail(parameters.error());
        return ask(action, parameters.value(), print);
      };
    });
  }

  void add_inspections() {
    add_inspection("describe", "The tree of VPCs, subnets, network interfaces, their members and slots.",
                   "Describe", describe_text);
    add_inspection("flows", "Flows that were accepted or rejected, with the rule that decided.",
                   "DescribeFlows", flows_text, " --filters Name=action,Values=REJECT");
    add_inspection("drops", "What was dropped outside of flows, with the reason.", "DescribeDrops",
                   drops_text);
    add_inspection("plan", "What netd would change in the kernel now; --json is [] when nothing.", "Plan",
                   plan_text, " --json");
  }

  void add_doctor() {
    auto* command =
        app_.add_subcommand("doctor", "What this host lacks for Caisson, and what to do about it.");
    command->group("Looking");
    command->add_option("--images", images_, "Folder of the guest images.")->capture_default_str();
    command->footer("Example:\n  caisson doctor --json");
    command->callback(
        [this] { action_ = [this] { return doctor::run(global_.instance, images_, global_.json, out_); }; });
  }

  void add_text(const std::string& name, const std::string& doc, const std::string& group,
                std::function<std::string()> text) {
    auto* command = app_.add_subcommand(name, doc);
    command->group(group);
    command->callback([this, text = std::move(text)] {
      action_ = [this, text] {
        out_ << text();
        return 0;
      };
    });
    if (name != "completion") return;
    static const std::set<std::string> kKnown(kShells.begin(), kShells.end());
    command->add_option("SHELL", shell_, "Which shell.")->required()->check(CLI::IsMember(kKnown));
    command->footer("Example:\n  source <(caisson completion bash)");
  }

  void add_texts() {
    add_text("completion", "Prints a completion script for a shell.", "Looking",
             [this] { return completion(shell_, tree()).value_or(""); });
    add_text("internal-docs", "Prints docs/api.md.", "", api_docs);
  }

  [[nodiscard]] Result<Endpoint> endpoint() const {
    return global_.endpoint.empty() ? endpoint_of_instance(global_.instance)
                                    : parse_endpoint(global_.endpoint);
  }

  int ask(const std::string& action, const Json& parameters, Printer print) {
    const auto where = endpoint();
    if (!where) return fail(where.error());
    const auto once = [&](const Json& members) {
      return call(where.value(), global_.account, action, members);
    };
    const auto reply = action == "DescribeFlows" ? all_flows(once, parameters) : once(parameters);
    if (!reply) return fail(reply.error());
    if (!global_.json) {
      out_ << print(reply.value());
      return 0;
    }
    const Json& shown =
        action == "Plan" && reply.value().contains("Plan") ? reply.value()["Plan"] : reply.value();
    out_ << shown.dump(4, ' ', false, Json::error_handler_t::replace) << "\n";
    return 0;
  }

  int fail(const Error& error) {
    const bool usage = error.code == "Usage";
    err_ << (usage ? "caisson: " + error.message : error.text()) << "\n";
    return usage ? kUsage : kFailed;
  }

  std::ostream& out_;
  std::ostream& err_;
  CLI::App app_{"Caisson: VPCs for functions and namespaces on this host.", "caisson"};
  Global global_;
  std::string shell_;
  std::string images_ = "/var/cache/caisson";
  std::function<int()> action_;
};

}  // namespace

CommandTree command_tree() {
  std::ostringstream nowhere;
  return CommandLine(nowhere, nowhere).tree();
}

int run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err) {
  return CommandLine(out, err).run(std::move(arguments));
}

}  // namespace caisson::cli
