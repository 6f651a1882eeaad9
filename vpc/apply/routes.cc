#include <algorithm>

#include "vpc/apply/change.hh"
#include "vpc/apply/lookup.hh"

namespace caisson::vpc {
namespace {

Error invalid(const std::string& message) {
  return {.code = "InvalidParameterValue", .message = message};
}

auto route_to(RouteTable& table, const Ipv4Cidr& destination) {
  return std::find_if(table.routes.begin(), table.routes.end(),
                      [&](const Route& route) { return route.destination == destination; });
}

/// The network interface as a target: of this account, in the table's VPC.
Result<Route> route_through(const Change& change, const RouteTable& table, const Ipv4Cidr& destination,
                            const NetworkInterfaceId& interface) {
  TRY(const auto* found, get_visible(change.state, change.account(), interface));
  if (found->vpc != table.vpc) {
    return invalid("route table " + table.id.text() + " and interface " + interface.text() +
                   " belong to different networks");
  }
  return Route{destination, RouteTarget::kInterface, interface};
}

/// What lies in the VPC's block can be routed elsewhere only as a whole subnet (VPC User Guide, "Route tables"), and the
/// addresses of EC2's own services on the host not at all.
Status check_destination(const State& state, const RouteTable& table, const Ipv4Cidr& destination) {
  static const Ipv4Cidr kHostServices({0xa9fea800}, 22);  // 169.254.168.0/22
  if (kHostServices.contains(destination)) {
    return invalid("The destination CIDR block " + destination.text() +
                   " is equal to or more specific than 169.254.168.0/22, which is reserved");
  }
  const Vpc& vpc = *find(state.vpcs, table.vpc);
  if (!vpc.cidr.contains(destination) || destination == vpc.cidr) return ok();
  for (const auto& [id, subnet] : state.index.in(vpc.id).subnets) {
    if (subnet->cidr == destination) return ok();
  }
  return invalid("The destination CIDR block " + destination.text() +
                 " is more specific than the VPC's local route, and no subnet's CIDR block");
}

/// Lets `edit` change the table; the state keeps it when that succeeds.
template <class Edit>
Status change_table(Change& change, const RouteTableId& id, const Edit& edit) {
  TRY(const auto* found, get_visible(change.state, change.account(), id));
  RouteTable table = *found;
  TRYV(edit(table));
  change.touched.insert(table.vpc);
  put(change.state, std::move(table));
  return ok();
}

bool is_local(const State& state, const RouteTable& table, const Ipv4Cidr& destination) {
  return destination == find(state.vpcs, table.vpc)->cidr;
}

}  // namespace

Status apply_to(Change& change, const CreateRoute& command) {
  return change_table(change, command.table, [&](RouteTable& table) -> Status {
    if (route_to(table, command.destination) != table.routes.end()) {
      return Error{.code = "RouteAlreadyExists",
                   .message = "The route identified by " + command.destination.text() + " already exists."};
    }
    TRYV(check_destination(change.state, table, command.destination));
    TRY(auto route, route_through(change, table, command.destination, command.interface));
    if (table.routes.size() >= change.state.quotas.routes_per_table) {
      return Error{.code = "RouteLimitExceeded",
                   .message = "The maximum number of routes of this route table has been reached."};
    }
    table.routes.push_back(std::move(route));
    return ok();
  });
}

Status apply_to(Change& change, const ReplaceRoute& command) {
  return change_table(change, command.table, [&](RouteTable& table) -> Status {
    const auto route = route_to(table, command.destination);
    if (route == table.routes.end()) {
      return invalid("There is no route defined for '" + command.destination.text() +
                     "' in the route table. Use CreateRoute instead.");
    }
    if (command.interface) {
      TRY(*route, route_through(change, table, command.destination, *command.interface));
      return ok();
    }
    if (!is_local(change.state, table, command.destination))
      return invalid("LocalTarget is for the VPC's local route alone");
    *route = Route{command.destination, RouteTarget::kLocal};
    return ok();
  });
}

Status apply_to(Change& change, const DeleteRoute& command) {
  return change_table(change, command.table, [&](RouteTable& table) -> Status {
    const auto route = route_to(table, command.destination);
    if (route == table.routes.end()) {
      return Error{.code = "InvalidRoute.NotFound",
                   .message = "no route with destination-cidr-block " + command.destination.text() +
                              " in route table " + table.id.text()};
    }
    if (is_local(change.state, table, command.destination)) {
      return invalid("cannot remove local route " + command.destination.text() + " in route table " +
                     table.id.text());
    }
    table.routes.erase(route);
    return ok();
  });
}

}  // namespace caisson::vpc
