#include "vpc/compile/compile.hh"

#include <array>
#include <cstdio>
#include <set>

namespace caisson::vpc {
namespace {

void add_service(const State& state, const Subnet& subnet, const std::string& name,
                 const std::string& endpoint, DesiredState& desired) {
  const Service* service = find_service(state.services, name);
  if (service == nullptr) return;
  for (const auto& cidr : service->cidrs) {
    // A static route to the same block was there first, and wins.
    desired.routes.emplace(RouteKey{subnet.number, cidr}, DesiredRoute{RouteTarget::kEndpoint, endpoint});
  }
}

void add_routes(const State& state, const Vpc& vpc, const Subnet& subnet, DesiredState& desired) {
  const RouteTableId& id = subnet.route_table ? subnet.route_table->table : vpc.main_route_table;
  const RouteTable* table = find(state.route_tables, id);
  if (table == nullptr) return;
  for (const auto& route : table->routes) {
    desired.routes.emplace(RouteKey{subnet.number, route.destination}, DesiredRoute{route.target});
  }
  for (const auto& [endpoint_id, endpoint] : state.index.in(vpc.id).vpc_endpoints) {
    if (!endpoint->route_tables.contains(id)) continue;
    add_service(state, subnet, endpoint->service, endpoint_id.text(), desired);
  }
  if (!vpc.managed) return;
  for (const auto& service : state.services) {
    add_service(state, subnet, service.name, kManagedEndpoint, desired);
  }
}

void add_interface(const State& state, const NetworkInterface& interface, std::uint32_t group_set,
                   DesiredState& desired) {
  const Vpc* vpc = find(state.vpcs, interface.vpc);
  const Subnet* subnet = find(state.subnets, interface.subnet);
  if (vpc == nullptr || subnet == nullptr || !interface.in_use()) return;
  DesiredEni eni{.id = interface.id,
                 .account = interface.account,
                 .number = interface.number,
                 .subnet = subnet->number,
                 .group_set = group_set,
                 .port = "",
                 .bridge = bridge_name(subnet->id),
                 .mac = interface.mac};
  if (interface.attachment) {
    eni.port = member_port_name(interface.number);
    desired.members.emplace(eni.port, DesiredMember{.interface = interface.id,
                                                    .netns = interface.attachment->netns,
                                                    .device_index = interface.attachment->device_index,
                                                    .bridge = eni.bridge,
                                                    .mac = interface.mac,
                                                    .address = interface.address,
                                                    .prefix_length = subnet->cidr.length(),
                                                    .router = subnet->router()});
  }
  for (const auto& more : interface.more_addresses) {
    DesiredEni another = eni;
    another.number = more.number;
    desired.enis.emplace(EniKey{vpc->number, more.address}, std::move(another));
  }
  desired.enis.emplace(EniKey{vpc->number, interface.address}, std::move(eni));
}

std::uint32_t hash_of(const std::vector<SecurityGroupId>& groups) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const auto& group : groups) {
    for (const char c : group.text()) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    }
  }
  return hash;
}

}  // namespace

std::string bridge_name(const SubnetId& subnet) {
  const std::string& text = subnet.text();
  return "br-" + text.substr(text.size() - 10);
}

std::string member_port_name(std::uint32_t number) {
  std::array<char, 16> name{};
  (void)std::snprintf(name.data(), name.size(), "cm%08x", number);
  return name.data();
}

std::string member_device_name(int device_index) {
  return "eth" + std::to_string(device_index);
}

std::map<std::vector<SecurityGroupId>, std::uint32_t> group_set_numbers(const State& state,
                                                                        const VpcId& vpc) {
  std::map<std::vector<SecurityGroupId>, std::uint32_t> numbers;
  for (const auto& [id, interface] : state.index.in(vpc).network_interfaces) {
    numbers.emplace(interface->groups, 0);
  }
  std::set<std::uint32_t> taken;
  for (auto& [groups, number] : numbers) {
    number = hash_of(groups);
    while (!taken.insert(number).second) {
      ++number;
    }
  }
  return numbers;
}

namespace {

/// All that a VPC determines.
void add_vpc(const State& state, const Vpc& vpc, DesiredState& desired) {
  const auto sets = group_set_numbers(state, vpc.id);
  desired.policies.emplace(vpc.number, compile_security_groups(state, vpc.id, sets));
  desired.resolvers.emplace(vpc.number, DesiredResolver{resolver_of(vpc), vpc.dns_support});
  const auto& inside = state.index.in(vpc.id);
  for (const auto& [id, subnet] : inside.subnets) {
    desired.bridges.emplace(bridge_name(id), DesiredBridge{id});
    add_routes(state, vpc, *subnet, desired);
  }
  for (const auto& [id, interface] : inside.network_interfaces) {
    add_interface(state, *interface, sets.at(interface->groups), desired);
  }
}

}  // namespace

DesiredState compile(const State& state) {
  DesiredState desired;
  for (const auto& [id, vpc] : state.vpcs) {
    add_vpc(state, *vpc, desired);
  }
  return desired;
}

DesiredState compile(const State& state, const std::set<VpcId>& vpcs) {
  DesiredState desired;
  for (const auto& id : vpcs) {
    if (const Vpc* vpc = find(state.vpcs, id); vpc != nullptr) add_vpc(state, *vpc, desired);
  }
  return desired;
}

}  // namespace caisson::vpc
