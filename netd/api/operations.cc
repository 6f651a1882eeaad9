#include "netd/api/operations.hh"

#include <algorithm>
#include <array>
#include <string_view>

#include "netd/api/flows.hh"
#include "netd/api/resources.hh"

namespace caisson::netd::api {
namespace {

std::vector<Operation> build() {
  std::vector<Operation> all;
  for (auto part : {vpc_operations, subnet_operations, route_table_operations, route_operations,
                    vpc_endpoint_operations, prefix_list_operations, network_acl_operations,
                    security_group_operations, security_group_rule_operations, network_interface_operations,
                    tag_operations, function_interface_operations, account_operations}) {
    for (auto& operation : part())
      all.push_back(std::move(operation));
  }
  std::sort(all.begin(), all.end(), [](const Operation& a, const Operation& b) { return a.name < b.name; });
  return all;
}

bool is_internal(const Error& error) {
  return error.errno_value != 0 || error.code == "InternalError";
}

}  // namespace

const std::vector<Operation>& operations() {
  static const std::vector<Operation> kAll = build();
  return kAll;
}

const Operation* find_operation(const std::string& name) {
  const auto& all = operations();
  const auto found = std::lower_bound(all.begin(), all.end(), name,
                                      [](const Operation& o, const std::string& n) { return o.name < n; });
  return found != all.end() && found->name == name ? &*found : nullptr;
}

const std::vector<Inspection>& inspections() {
  static const std::vector<Inspection> kAll{
      {"Describe",
       "The tree of the account's VPCs, subnets, network interfaces and slots, as the kernel has it."},
      {"DescribeDrops", "What was dropped before it belonged to a flow, with the reason.", true},
      {"DescribeFlows", "Flows that were accepted or rejected, with reason and rule.", false,
       flows_members()},
      {"Plan", "What the daemon would do now to make the kernel equal to the model.", true}};
  return kAll;
}

const Inspection* find_inspection(const std::string& name) {
  const auto& all = inspections();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Inspection& one) { return name == one.name; });
  return found == all.end() ? nullptr : &*found;
}

Error dry_run(const Operation& operation, const vpc::State& state, const vpc::AccountId& account,
              const Json& parameters) {
  if (operation.changes()) {
    auto command = operation.decode(parameters);
    if (!command) return command.error();
    const auto applied = vpc::apply(state, {.account = account, .command = std::move(command.value())});
    if (!applied) return applied.error();
  } else {
    const auto reply = operation.read(state, account, parameters);
    if (!reply) return reply.error();
  }
  return {.code = "DryRunOperation", .message = "Request would have succeeded, but DryRun flag is set."};
}

unsigned http_status(const Error& error) {
  if (is_internal(error)) return 500;
  struct Row {
    std::string_view code;
    unsigned status;
  };
  static constexpr std::array<Row, 15> kOther{{{"DryRunOperation", 412},
                                               {"MissingAuthenticationToken", 403},
                                               {"NoSuchEntity", 404},
                                               {"EntityAlreadyExists", 409},
                                               {"DeleteConflict", 409},
                                               {"LimitExceeded", 409},
                                               {"UnauthorizedOperation", 403},
                                               {"AuthFailure", 401},
                                               {"RequestLimitExceeded", 503},
                                               {"ServiceUnavailable", 503},
                                               {"Unavailable", 503},
                                               {"InternalFailure", 500},
                                               {"NotFound", 404},
                                               {"MethodNotAllowed", 405},
                                               {"RequestEntityTooLarge", 413}}};
  for (const auto& row : kOther) {
    if (row.code == error.code) return row.status;
  }
  return 400;
}

Json error_body(const Error& error, const std::string& request_id) {
  return {
      {"Error", {{"Code", is_internal(error) ? "InternalError" : error.code}, {"Message", error.message}}},
      {"RequestID", request_id}};
}

}  // namespace caisson::netd::api
