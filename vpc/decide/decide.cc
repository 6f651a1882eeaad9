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

bool is_in_list(const State& state, const PrefixListId& list, Ipv4Address address) {
  for (const auto& service : state.services) {
    if (service.prefix_list != list) continue;
    for (const auto& cidr : service.cidrs) {
      if (cidr.contains(address)) return true;
    }
  }
  return false;
}

bool matches_peer(const State& state, const VpcId& vpc, const Permission& permission, Ipv4Address peer) {
  if (const auto* cidr = std::get_if<Ipv4Cidr>(&permission.peer)) return cidr->contains(peer);
  if (const auto* list = std::get_if<PrefixListId>(&permission.peer)) return is_in_list(state, *list, peer);
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

namespace {

/// Has the interface a rule for everybody that admits all of these ports?
bool is_open(const State& state, const NetworkInterface& interface, bool egress, int protocol, int first,
             int last) {
  const Ipv4Cidr everybody({0}, 0);
  return std::any_of(
      state.security_group_rules.begin(), state.security_group_rules.end(), [&](const auto& item) {
        const Permission& permission = item.second->permission;
        const auto& groups = interface.groups;
        if (std::find(groups.begin(), groups.end(), item.second->group) == groups.end()) return false;
        if (permission.egress != egress) return false;
        const auto* block = std::get_if<Ipv4Cidr>(&permission.peer);
        if (block == nullptr || *block != everybody) return false;
        if (permission.protocol == kAllProtocols) return true;
        return permission.protocol == protocol &&
               (permission.from_port < 0 || (permission.from_port <= first && last <= permission.to_port));
      });
}

bool is_untracked(const State& state, const NetworkInterface& interface, bool egress, int protocol,
                  int port) {
  return is_open(state, interface, egress, protocol, port, port) &&
         is_open(state, interface, !egress, protocol, 0, 65535);
}

bool is_member(const State& state, const VpcId& vpc, Ipv4Address address) {
  return std::any_of(state.network_interfaces.begin(), state.network_interfaces.end(), [&](const auto& item) {
    const NetworkInterface& other = *item.second;
    return other.vpc == vpc && other.attachment && other.address == address;
  });
}

}  // namespace

bool begins_tracked_flow(const State& state, const NetworkInterface& interface, bool egress,
                         const Packet& packet) {
  if (packet.protocol != kTcp && packet.protocol != kUdp) return true;
  if (!interface.attachment || !is_member(state, interface.vpc, packet.peer)) return true;
  if (egress && decide_route(state, interface.subnet, packet.peer) != RouteTarget::kLocal) return true;
  if (packet.protocol == kTcp && !packet.begins) return false;
  if (is_untracked(state, interface, egress, packet.protocol, packet.port)) return false;
  return packet.protocol == kTcp ||
         !is_untracked(state, interface, !egress, packet.protocol, packet.source_port);
}

namespace {

/// Of two routes the one with the longer prefix, and of equals the one that is not of a prefix list.
void prefer(std::optional<Way>& best, int& length, const Ipv4Cidr& destination, Ipv4Address address,
            const Way& way) {
  if (!destination.contains(address)) return;
  const bool wins = !best || destination.length() > length ||
                    (destination.length() == length && best->target == RouteTarget::kEndpoint);
  if (!wins) return;
  best = way;
  length = destination.length();
}

}  // namespace

std::optional<Way> decide_way(const State& state, const SubnetId& subnet, Ipv4Address destination) {
  const Subnet* found = find(state.subnets, subnet);
  const Vpc* vpc = found == nullptr ? nullptr : find(state.vpcs, found->vpc);
  if (vpc == nullptr) return std::nullopt;
  const RouteTableId id = found->route_table ? found->route_table->table : vpc->main_route_table;
  std::optional<Way> best;
  int length = -1;
  for (const auto& service : state.services) {
    for (const auto& cidr : service.cidrs) {
      if (vpc->managed) prefer(best, length, cidr, destination, {RouteTarget::kEndpoint, ""});
      for (const auto& [endpoint_id, endpoint] : state.vpc_endpoints) {
        if (endpoint->service != service.name || !endpoint->route_tables.contains(id)) continue;
        prefer(best, length, cidr, destination, {RouteTarget::kEndpoint, endpoint_id.text()});
      }
    }
  }
  if (const RouteTable* table = find(state.route_tables, id); table != nullptr) {
    for (const auto& route : table->routes) {
      prefer(best, length, route.destination, destination, {route.target, ""});
    }
  }
  return best;
}

std::optional<RouteTarget> decide_route(const State& state, const SubnetId& subnet, Ipv4Address destination) {
  const auto way = decide_way(state, subnet, destination);
  return way ? std::optional(way->target) : std::nullopt;
}

std::optional<ServiceWay> decide_service(const State& state, const SubnetId& subnet, Ipv4Address address) {
  const auto way = decide_way(state, subnet, address);
  if (!way || way->target != RouteTarget::kEndpoint) return std::nullopt;
  // Prefix lists of several services have no address in common.
  for (const auto& service : state.services) {
    const bool its = std::any_of(service.cidrs.begin(), service.cidrs.end(),
                                 [&](const Ipv4Cidr& cidr) { return cidr.contains(address); });
    if (its) return ServiceWay{service.name, way->endpoint};
  }
  return std::nullopt;
}

}  // namespace caisson::vpc
