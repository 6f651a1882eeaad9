#include "tests/golden/model.hh"

#include <algorithm>
#include <stdexcept>

#include "netd/api/operations.hh"
#include "netd/api/stamped_json.hh"

namespace caisson::golden {
namespace {

using netd::api::Json;
namespace reconcile = netd::reconcile;

const vpc::AccountId kAccount{"000000000001"};

/// The longest names first, so that $vpc does not eat the beginning of $vpc_b.
std::string fill_in(std::string text, const Names& names) {
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const std::string mark = "\"$" + name->first + "\"";
    for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) {
      text.replace(at, mark.size(), "\"" + name->second + "\"");
    }
  }
  return text;
}

struct Deletion {
  std::string operation;
  Json parameters;
};

/// In an order in which nothing is in use any more when its turn comes.
std::vector<Deletion> deletions(const vpc::State& state) {
  std::vector<Deletion> all;
  for (const auto& [id, interface] : state.network_interfaces) {
    for (const auto& user : interface->users)
      all.push_back({"ReleaseFunctionInterface", {{"User", user}}});
    if (interface->requester_managed()) continue;
    if (interface->attachment) {
      all.push_back({"DetachNetworkInterface", {{"AttachmentId", interface->attachment->id.text()}}});
    }
    all.push_back({"DeleteNetworkInterface", {{"NetworkInterfaceId", id.text()}}});
  }
  for (const auto& [id, rule] : state.security_group_rules) {
    const auto* vpc = find(state.vpcs, find(state.security_groups, rule->group)->vpc);
    if (vpc->managed) continue;
    const std::string direction = rule->permission.egress ? "Egress" : "Ingress";
    all.push_back({"RevokeSecurityGroup" + direction,
                   {{"GroupId", rule->group.text()}, {"SecurityGroupRuleIds", {id.text()}}}});
  }
  for (const auto& [id, group] : state.security_groups) {
    const auto* vpc = find(state.vpcs, group->vpc);
    if (vpc->default_security_group != id) all.push_back({"DeleteSecurityGroup", {{"GroupId", id.text()}}});
  }
  for (const auto& [id, endpoint] : state.vpc_endpoints) {
    all.push_back({"DeleteVpcEndpoints", {{"VpcEndpointIds", {id.text()}}}});
  }
  for (const auto& [id, subnet] : state.subnets) {
    if (!find(state.vpcs, subnet->vpc)->managed) all.push_back({"DeleteSubnet", {{"SubnetId", id.text()}}});
  }
  for (const auto& [id, table] : state.route_tables) {
    if (find(state.vpcs, table->vpc)->main_route_table != id)
      all.push_back({"DeleteRouteTable", {{"RouteTableId", id.text()}}});
  }
  for (const auto& [id, vpc] : state.vpcs) {
    if (!vpc->managed) all.push_back({"DeleteVpc", {{"VpcId", id.text()}}});
  }
  return all;
}

}  // namespace

std::string Model::ask(const std::string& operation, const Json& parameters, Json* reply) {
  const auto* found = netd::api::find_operation(operation);
  if (found == nullptr || !found->changes()) throw std::runtime_error("no changing operation " + operation);
  if (const auto checked = check_parameters(*found, parameters); !checked) return checked.error().code;
  if (const auto decoded = found->decode(parameters); !decoded) return decoded.error().code;
  const auto stored =
      netd::api::encode_stored(operation, parameters, kAccount, ++seed_, "2026-01-01T00:00:00.000Z");
  const auto stamped = netd::api::decode_stored(Json::parse(stored.dump()));
  if (!stamped) throw std::runtime_error(stamped.error().text());
  const auto applied = vpc::apply(state, stamped.value());
  if (!applied) return applied.error().code;
  *reply = found->reply(applied.value(), kAccount, parameters);
  state = applied.value().state;
  return "";
}

std::string Model::ask(const Request& request) {
  Json reply;
  const auto code = ask(request.operation, Json::parse(fill_in(request.parameters, names)), &reply);
  if (code.empty() && !request.name.empty()) {
    names[request.name] = reply.at(Json::json_pointer(request.pointer)).get<std::string>();
  }
  return code;
}

std::string Model::delete_all() {
  for (const auto& deletion : deletions(state)) {
    Json reply;
    if (const auto code = ask(deletion.operation, deletion.parameters, &reply); !code.empty()) {
      return deletion.operation + " " + deletion.parameters.dump() + ": " + code;
    }
  }
  return "";
}

reconcile::Plan Kernel::reconcile(const vpc::DesiredState& desired) {
  auto links = reconcile::diff_links(desired, observed);
  const auto opens = std::stable_partition(links.begin(), links.end(), [](const auto& operation) {
    return !std::holds_alternative<reconcile::OpenMember>(operation.what);
  });
  reconcile::Plan plan(links.begin(), opens);
  execute(plan);
  const auto tables = reconcile::diff_tables(
      reconcile::desired_tables(desired, reconcile::indexes_of(observed), observed.tables, {}),
      observed.tables);
  const auto leftovers = reconcile::diff_leftovers(desired, observed);
  for (const auto& part : {tables, reconcile::Plan(opens, links.end()), leftovers}) {
    execute(part);
    plan.insert(plan.end(), part.begin(), part.end());
  }
  return plan;
}

void Kernel::execute(const reconcile::Plan& plan) {
  for (const auto& operation : plan) {
    if (const auto* bridge = std::get_if<reconcile::MakeBridge>(&operation.what)) {
      observed.bridges[bridge->name] = {bridge->alias, next_index_++, true};
    } else if (const auto* member = std::get_if<reconcile::MakeMember>(&operation.what)) {
      observed.members[member->port] = {member->alias, next_index_++,
                                        observed.bridges.at(member->member.bridge).index, false};
    } else if (const auto* opened = std::get_if<reconcile::OpenMember>(&operation.what)) {
      observed.members.at(opened->port).up = true;
    } else if (const auto* link = std::get_if<reconcile::DeleteLink>(&operation.what)) {
      observed.bridges.erase(link->name);
      observed.members.erase(link->name);
    } else if (const auto* put = std::get_if<reconcile::PutEntry>(&operation.what)) {
      observed.tables[put->table][put->key] = put->value;
    } else if (const auto* erased = std::get_if<reconcile::DeleteEntry>(&operation.what)) {
      observed.tables[erased->table].erase(erased->key);
    }
  }
}

}  // namespace caisson::golden
