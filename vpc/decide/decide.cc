#include "vpc/decide/decide.hh"

#include <algorithm>

namespace caisson::vpc {
namespace {

bool has_group_at(const State& state, const VpcId& vpc, const SecurityGroupId& group, Ipv4Address address) {
  return std::any_of(state.network_interfaces.begin(), state.network_interfaces.end(), [&](const auto& item) {
    const NetworkInterface& other = *item.second;
    const auto addresses = other.addresses();
    return other.vpc == vpc && std::find(addresses.begin(), addresses.end(), address) != addresses.end() &&
           std::find(other.groups.begin(), other.groups.end(), group) != other.groups.end();
  });
}

bool matches_peer(const State& state, const VpcId& vpc, const Permission& permission, Ipv4Address peer) {
  if (const auto* cidr = std::get_if<Ipv4Cidr>(&permission.peer)) return cidr->contains(peer);
  return has_group_at(state, vpc, std::get<SecurityGroupId>(permission.peer), peer);
}

bool matches_port(const Permission& permission, const Packet& packet) {
  if (permission.protocol == kTcp || permission.protocol == kUdp) {
    return permission.from_port < 0 ||
           (permission.from_port <= packet.port && packet.port <= permission.to_port);
  }
  if (permission.protocol == kIcmp) {
    const int type = packet.port / 256;
    const int code = packet.port % 256;
    return permission.from_port < 0 ||
           (permission.from_port == type && (permission.to_port < 0 || permission.to_port == code));
  }
  return true;
}

bool matches(const State& state, const VpcId& vpc, const Permission& permission, const Packet& packet) {
  const bool protocol = permission.protocol == kAllProtocols || permission.protocol == packet.protocol;
  return protocol && (permission.protocol == kAllProtocols || matches_port(permission, packet)) &&
         matches_peer(state, vpc, permission, packet.peer);
}

}  // namespace

const SecurityGroupRule* deciding_rule(const State& state, const NetworkInterface& interface, bool egress,
                                       const Packet& packet) {
  for (const auto& [id, rule] : state.security_group_rules) {  // by id
    const bool ours =
        std::find(interface.groups.begin(), interface.groups.end(), rule->group) != interface.groups.end();
    if (ours && rule->permission.egress == egress &&
        matches(state, interface.vpc, rule->permission, packet)) {
      return rule.get();
    }
  }
  return nullptr;
}

std::optional<RouteTarget> decide_route(const State& state, const SubnetId& subnet, Ipv4Address destination) {
  const Subnet* found = find(state.subnets, subnet);
  const Vpc* vpc = found == nullptr ? nullptr : find(state.vpcs, found->vpc);
  const RouteTable* table = vpc == nullptr ? nullptr : find(state.route_tables, vpc->main_route_table);
  if (table == nullptr) return std::nullopt;
  const Route* best = nullptr;
  for (const auto& route : table->routes) {
    if (!route.destination.contains(destination)) continue;
    if (best == nullptr || route.destination.length() > best->destination.length()) best = &route;
  }
  return best == nullptr ? std::nullopt : std::optional(best->target);
}

}  // namespace caisson::vpc
