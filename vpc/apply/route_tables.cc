#include <algorithm>

#include "vpc/apply/change.hh"
#include "vpc/apply/lookup.hh"

namespace caisson::vpc {
namespace {

constexpr const char* kCreate = "CreateRouteTable";

bool is_main(const State& state, const RouteTable& table) {
  return find(state.vpcs, table.vpc)->main_route_table == table.id;
}

Error no_association(const RouteTableAssociationId& id) {
  return {.code = "InvalidAssociationID.NotFound",
          .message = "The association ID '" + id.text() + "' does not exist"};
}

/// The subnet that the association is of; nullptr when it is a VPC's, or none that the account sees.
const Subnet* associated_subnet(const Change& change, const RouteTableAssociationId& id) {
  const auto* subnet = change.state.index.route_table_associations.value_at(id);
  return subnet == nullptr ? nullptr : find_visible(change.state, change.account(), *subnet);
}

/// The main table that the association makes the main one, or nullptr.
const RouteTable* associated_main_table(const Change& change, const RouteTableAssociationId& id) {
  const std::string& text = id.text();
  const auto table = RouteTableId::parse("rtb" + text.substr(text.find('-')));
  const auto* found = table ? find_visible(change.state, change.account(), *table) : nullptr;
  return found != nullptr && is_main(change.state, *found) ? found : nullptr;
}

Status check_vpc(const RouteTable& table, const VpcId& vpc, const std::string& what) {
  if (table.vpc == vpc) return ok();
  return Error{
      .code = "InvalidParameterValue",
      .message = "Route table " + table.id.text() + " and " + what + " belong to different networks"};
}

void associate(Change& change, Subnet subnet, const RouteTableId& table) {
  subnet.route_table = RouteTableAssociation{.id = change.fresh<RouteTableAssociationId>(), .table = table};
  change.ids.push_back(subnet.route_table->id.text());
  change.touched.insert(subnet.vpc);
  put(change.state, std::move(subnet));
}

bool is_associated(const State& state, const RouteTable& table) {
  const auto& subnets = state.index.in(table.vpc).subnets;
  return std::any_of(subnets.begin(), subnets.end(), [&](const auto& row) {
    return row.second->route_table && row.second->route_table->table == table.id;
  });
}

void leave_endpoints(Change& change, const RouteTable& table) {
  const auto endpoints = change.state.index.in(table.vpc).vpc_endpoints;
  for (const auto& [id, found] : endpoints) {
    if (!found->route_tables.contains(table.id)) continue;
    VpcEndpoint endpoint = *found;
    endpoint.route_tables.erase(table.id);
    put(change.state, std::move(endpoint));
  }
}

}  // namespace

Status apply_to(Change& change, const CreateRouteTable& command) {
  const auto fingerprint = fingerprint_of({command.vpc.text()}, command.tags);
  TRY(auto made, made_before(change, kCreate, command.client_token, fingerprint));
  if (made) {
    change.ids.push_back(*made);
    return ok();
  }
  TRYV(check_tags(change.state, command.tags));
  TRY(const auto* vpc, get_visible(change.state, change.account(), command.vpc));
  if (change.state.index.in(vpc->id).route_tables.size() >= change.state.quotas.route_tables_per_vpc) {
    return Error{.code = "RouteTableLimitExceeded",
                 .message = "The maximum number of route tables of this VPC has been reached."};
  }
  RouteTable table{.id = change.fresh<RouteTableId>(),
                   .account = change.account(),
                   .vpc = vpc->id,
                   .routes = {{vpc->cidr, RouteTarget::kLocal}},
                   .tags = command.tags};
  TRY(table.number, change.number());
  change.ids.push_back(table.id.text());
  keep_token(change, kCreate, command.client_token, fingerprint, table.id.text());
  put(change.state, std::move(table));
  return ok();
}

Status apply_to(Change& change, const DeleteRouteTable& command) {
  TRY(const auto* found, get_visible(change.state, change.account(), command.table));
  const RouteTable table = *found;
  if (is_main(change.state, table) || is_associated(change.state, table)) {
    return Error{
        .code = "DependencyViolation",
        .message = "The routeTable '" + table.id.text() + "' has dependencies and cannot be deleted."};
  }
  leave_endpoints(change, table);
  erase_client_tokens(change.state, table.id.text());
  erase(change.state, table.id);
  return ok();
}

Status apply_to(Change& change, const AssociateRouteTable& command) {
  TRY(const auto* table, get_visible(change.state, change.account(), command.table));
  TRY(const auto* subnet, get_visible(change.state, change.account(), command.subnet));
  TRYV(check_vpc(*table, subnet->vpc, "subnet " + subnet->id.text()));
  if (subnet->route_table) {
    return Error{.code = "Resource.AlreadyAssociated",
                 .message = "the specified association for route table " + table->id.text() +
                            " conflicts with an existing association"};
  }
  associate(change, *subnet, table->id);
  return ok();
}

Status apply_to(Change& change, const DisassociateRouteTable& command) {
  const auto* found = associated_subnet(change, command.association);
  if (found == nullptr) {
    if (associated_main_table(change, command.association) == nullptr)
      return no_association(command.association);
    return Error{
        .code = "InvalidParameterValue",
        .message = "cannot disassociate the main route table association " + command.association.text()};
  }
  Subnet subnet = *found;
  subnet.route_table.reset();
  change.touched.insert(subnet.vpc);
  put(change.state, std::move(subnet));
  return ok();
}

Status apply_to(Change& change, const ReplaceRouteTableAssociation& command) {
  TRY(const auto* table, get_visible(change.state, change.account(), command.table));
  if (const auto* subnet = associated_subnet(change, command.association); subnet != nullptr) {
    TRYV(check_vpc(*table, subnet->vpc, "subnet " + subnet->id.text()));
    associate(change, *subnet, table->id);
    return ok();
  }
  const auto* before = associated_main_table(change, command.association);
  if (before == nullptr) return no_association(command.association);
  TRYV(check_vpc(*table, before->vpc, "vpc " + before->vpc.text()));
  Vpc vpc = *find(change.state.vpcs, before->vpc);
  vpc.main_route_table = table->id;
  change.ids.push_back(main_association(table->id).text());
  change.touched.insert(vpc.id);
  put(change.state, std::move(vpc));
  return ok();
}

}  // namespace caisson::vpc
