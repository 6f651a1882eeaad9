#include <algorithm>

#include "vpc/apply/change.hh"
#include "vpc/apply/lookup.hh"

namespace caisson::vpc {
namespace {

constexpr const char* kCreate = "CreateVpcEndpoint";

/// The table may lead to the service through one endpoint only.
Status check_table(const Change& change, const VpcEndpoint& endpoint, const RouteTableId& id) {
  TRY(const auto* table, get_visible(change.state, change.account(), id));
  if (table->vpc != endpoint.vpc) {
    return Error{.code = "InvalidParameter",
                 .message = "Route table " + id.text() + " does not belong to VPC " + endpoint.vpc.text()};
  }
  for (const auto& [other_id, other] : change.state.index.in(endpoint.vpc).vpc_endpoints) {
    if (other_id == endpoint.id || other->service != endpoint.service || !other->route_tables.contains(id)) {
      continue;
    }
    const auto* service = find_service(change.state.services, endpoint.service);
    return Error{.code = "RouteAlreadyExists",
                 .message = "route table " + id.text() +
                            " already has a route with destination-prefix-list-id " +
                            (service == nullptr ? "" : service->prefix_list.text())};
  }
  return ok();
}

Status add_tables(const Change& change, VpcEndpoint& endpoint, const std::vector<RouteTableId>& tables) {
  for (const auto& id : tables) {
    TRYV(check_table(change, endpoint, id));
    endpoint.route_tables.insert(id);
  }
  return ok();
}

std::string fingerprint(const CreateVpcEndpoint& command) {
  std::vector<std::string> texts{command.vpc.text(), command.service, command.policy,
                                 std::to_string(command.route_tables.size())};
  for (const auto& table : command.route_tables)
    texts.push_back(table.text());
  return fingerprint_of(texts, command.tags);
}

}  // namespace

Status apply_to(Change& change, const CreateVpcEndpoint& command) {
  TRY(auto made, made_before(change, kCreate, command.client_token, fingerprint(command)));
  if (made) {
    change.ids.push_back(*made);
    return ok();
  }
  TRYV(check_tags(change.state, command.tags));
  TRY(const auto* vpc, get_visible(change.state, change.account(), command.vpc));
  if (find_service(change.state.services, command.service) == nullptr) {
    return Error{.code = "InvalidServiceName",
                 .message = "The Vpc Endpoint Service '" + command.service + "' does not exist"};
  }
  if (change.state.index.in(vpc->id).vpc_endpoints.size() >= change.state.quotas.gateway_endpoints_per_vpc) {
    return Error{.code = "VpcEndpointLimitExceeded",
                 .message = "The maximum number of gateway endpoints of this VPC has been reached."};
  }
  VpcEndpoint endpoint{.id = change.fresh<VpcEndpointId>(),
                       .account = change.account(),
                       .vpc = vpc->id,
                       .service = command.service,
                       .route_tables = {},
                       .policy = command.policy,
                       .created = change.time(),
                       .tags = command.tags};
  TRYV(add_tables(change, endpoint, command.route_tables));
  change.ids.push_back(endpoint.id.text());
  change.touched.insert(endpoint.vpc);
  keep_token(change, kCreate, command.client_token, fingerprint(command), endpoint.id.text());
  put(change.state, std::move(endpoint));
  return ok();
}

Status apply_to(Change& change, const ModifyVpcEndpoint& command) {
  TRY(const auto* found, get_visible(change.state, change.account(), command.endpoint));
  VpcEndpoint endpoint = *found;
  for (const auto& id : command.remove_route_tables) {
    TRYV(get_visible(change.state, change.account(), id));
    if (endpoint.route_tables.erase(id) == 0) {
      return Error{.code = "InvalidParameter",
                   .message = "Route table " + id.text() + " is not associated with VPC endpoint " +
                              endpoint.id.text()};
    }
  }
  TRYV(add_tables(change, endpoint, command.add_route_tables));
  if (command.policy) endpoint.policy = *command.policy;
  change.touched.insert(endpoint.vpc);
  put(change.state, std::move(endpoint));
  return ok();
}

Status apply_to(Change& change, const DeleteVpcEndpoints& command) {
  for (const auto& id : command.endpoints) {
    const auto* found = find_visible(change.state, change.account(), id);
    if (found == nullptr) continue;
    change.ids.push_back(id.text());
    change.touched.insert(found->vpc);
    erase_client_tokens(change.state, id.text());
    erase(change.state, id);
  }
  return ok();
}

}  // namespace caisson::vpc
