#include "cli/requests/commands.hh"

#include <CLI/CLI.hpp>
#include <array>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/all_flows.hh"
#include "cli/client.hh"
#include "cli/requests/reader.hh"

namespace caisson::cli {
namespace {

using Json = nlohmann::json;

struct Words {
  RequestFilter filter;
  std::string folder;
  bool follow = false;
  bool flow = false;
};

/// ASCII, whatever it holds; "-" for what is not there.
std::string shown(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null() || *found == "") return "-";
  const std::string text = found->dump(-1, ' ', true, Json::error_handler_t::replace);
  return found->is_string() ? text.substr(1, text.size() - 2) : text;
}

struct Column {
  const char* title;
  const char* member;
  std::size_t width;
};
constexpr std::array kColumns = {Column{"TIME", "Time", 27},
                                 Column{"ACCOUNT", "AccountId", 12},
                                 Column{"FUNCTION", "FunctionName", 12},
                                 Column{"ENDPOINT", "Endpoint", 22},
                                 Column{"DECISION", "Decision", 8},
                                 Column{"STATEMENT", "Statement", 9},
                                 Column{"STATUS", "Status", 6},
                                 Column{"IN", "BytesIn", 9},
                                 Column{"OUT", "BytesOut", 9},
                                 Column{"MICROSECONDS", "LatencyMicroseconds", 12},
                                 Column{"ACTION", "Action", 16}};
constexpr std::array kFlowColumns = {Column{"INTERFACE", "NetworkInterfaceId", 21},
                                     Column{"FLOW", "Action", 6}, Column{"REASON", "Reason", 8},
                                     Column{"RULE", "RuleId", 21}};

void add_cell(std::string& line, const std::string& text, std::size_t width) {
  line += text;
  line.append(text.size() < width ? width - text.size() : 0, ' ');
  line += "  ";
}

bool matches(const std::string& wanted, const Json& record, const char* member) {
  if (wanted.empty()) return true;
  const auto found = record.find(member);
  return found != record.end() && found->is_string() && *found == wanted;
}

/// What DescribeFlows says, asked once for each account; with `again`, whenever there is nothing of a request yet.
class Flows {
 public:
  Flows(const RequestContext& context, bool again) : context_(context), again_(again) {}

  Result<const Json*> find(const Json& record) {
    const std::string account = shown(record, "AccountId");
    const std::string key = account + " " + flow_key(record);
    if (!flows_.contains(key) && (again_ || !asked_.contains(account))) {
      asked_.insert(account);
      TRY(const auto reply,
          all_flows([&](const Json& members) { return context_.ask(account, "DescribeFlows", members); },
                    Json::object()));
      for (const auto& flow : reply.value("Flows", Json::array())) {
        // What was refused brought no request; its port may have been used again.
        if (shown(flow, "Action") == "ACCEPT") flows_[account + " " + flow_key(flow)] = flow;
      }
    }
    const auto found = flows_.find(key);
    return found == flows_.end() ? &kNone : &found->second;
  }

 private:
  inline static const Json kNone;
  const RequestContext& context_;
  bool again_;
  std::set<std::string> asked_;
  std::map<std::string, Json> flows_;
};

class Requests {
 public:
  Requests(const RequestContext& context, Words words)
      : context_(context), words_(std::move(words)), flows_(context, words_.follow) {}

  Status run() {
    TRY(auto reader, open());
    if (!context_.json) context_.out << request_header(words_.flow);
    while (true) {
      TRYV(reader.read([this](std::string_view line) { take(line); }));
      context_.out << std::flush;
      if (!failed_) return std::move(failed_);
      if (!words_.follow || !context_.out) break;
      TRYV(reader.wait());
    }
    if (unreadable_ > 0)
      context_.err << "caisson: " << unreadable_ << " lines are no records: not written to their end\n";
    return ok();
  }

 private:
  [[nodiscard]] Result<RequestReader> open() const {
    if (!words_.folder.empty()) return RequestReader::open(words_.folder);
    // Checks the name.
    TRYV(endpoint_of_instance(context_.instance));
    return RequestReader::open("/var/lib/caisson" +
                               (context_.instance.empty() ? "" : "-" + context_.instance) + "/endpoint");
  }

  void take(std::string_view line) {
    if (!failed_) return;
    const Json record = Json::parse(line, nullptr, false);
    if (!record.is_object()) {
      ++unreadable_;
      return;
    }
    if (!admits(words_.filter, record)) return;
    const Json* flow = nullptr;
    if (words_.flow) {
      auto found = flows_.find(record);
      if (!found) {
        failed_ = std::move(found.error());
        return;
      }
      flow = found.value();
    }
    print(record, line, flow);
  }

  void print(const Json& record, std::string_view line, const Json* flow) {
    if (!context_.json) {
      context_.out << request_text(record, flow);
    } else if (flow == nullptr) {
      context_.out << line << "\n";
    } else {
      Json joined = record;
      joined["Flow"] = *flow;
      context_.out << joined.dump(-1, ' ', true, Json::error_handler_t::replace) << "\n";
    }
  }

  const RequestContext& context_;
  Words words_;
  Flows flows_;
  Status failed_ = ok();
  std::size_t unreadable_ = 0;
};

}  // namespace

bool admits(const RequestFilter& filter, const Json& record) {
  return matches(filter.account, record, "AccountId") && matches(filter.function, record, "FunctionName") &&
         matches(filter.endpoint, record, "Endpoint") && matches(filter.service, record, "Service") &&
         matches(filter.decision, record, "Decision");
}

std::string request_header(bool with_flow) {
  std::string line;
  for (const auto& column : kColumns)
    add_cell(line, column.title, column.width);
  if (with_flow) {
    for (const auto& column : kFlowColumns)
      add_cell(line, column.title, column.width);
  }
  return line + "RESOURCE\n";
}

std::string request_text(const Json& record, const Json* flow) {
  std::string line;
  for (const auto& column : kColumns)
    add_cell(line, shown(record, column.member), column.width);
  if (flow != nullptr) {
    for (const auto& column : kFlowColumns)
      add_cell(line, flow->is_object() ? shown(*flow, column.member) : "-", column.width);
  }
  return line + shown(record, "Resource") + "\n";
}

std::string flow_key(const Json& record) {
  std::string key;
  for (const char* member : {"NetworkInterfaceId", "Source", "SourcePort", "Destination", "DestinationPort"})
    key += shown(record, member) + " ";
  return key;
}

void add_request_commands(CLI::App& app, const RequestContext& context) {
  auto* command = app.add_subcommand(
      "requests",
      "Requests to services: who asked for what, who decided, and what it took; --account: its own.");
  command->group("Looking");
  auto words = std::make_shared<Words>();
  command->add_option("--function-name", words->filter.function, "Those of one function.");
  command->add_option("--vpc-endpoint-id", words->filter.endpoint,
                      "Those through one endpoint; managed: of the managed default VPCs.");
  command->add_option("--service", words->filter.service, "Those to one service: s3, dynamodb.");
  static const std::set<std::string> kDecisions{"Allow", "Deny", "Refused"};
  command->add_option("--decision", words->filter.decision, "Those that were decided so.")
      ->check(CLI::IsMember(kDecisions));
  command->add_flag("--flow", words->flow, "With the flow that each came by, as `flows` has it.");
  command->add_flag("--follow", words->follow, "Go on with those that come, until interrupted.");
  command->add_option("--folder", words->folder,
                      "Where the records are [/var/lib/caisson[-INSTANCE]/endpoint].");
  command->footer("Example:\n  caisson requests --decision Deny --follow");
  command->callback([context, words] {
    context.act([context, words]() -> Status {
      words->filter.account = context.account == "default" ? "000000000001" : context.account;
      return Requests(context, *words).run();
    });
  });
}

}  // namespace caisson::cli
