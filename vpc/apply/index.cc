#include "vpc/apply/index.hh"

namespace caisson::vpc {
namespace {

template <class Resource>
using Pointer = std::shared_ptr<const Resource>;

/// Changes the value of `key`; one that is as if there were none is not kept.
template <class Key, class Value, class Work>
void change(PersistentMap<Key, Value>& map, const Key& key, const Work& work) {
  const Value* found = map.value_at(key);
  Value value = found == nullptr ? Value{} : *found;
  work(value);
  if (value == Value{}) {
    map.erase(key);
  } else {
    map.insert_or_assign(key, std::move(value));
  }
}

/// `by` is 1 or -1; the counts are unsigned, so that this wraps back to where it was.
std::size_t step(int by) {
  return static_cast<std::size_t>(by);
}

void add(Index& index, const Pointer<Vpc>& vpc) {
  if (vpc->managed) return;
  change(index.accounts, vpc->account, [](Index::Counts& counts) { ++counts.vpcs; });
}
void remove(Index& index, const Vpc& vpc) {
  if (vpc.managed) return;
  change(index.accounts, vpc.account, [](Index::Counts& counts) { --counts.vpcs; });
}

/// Keeps what lies in a VPC in this table of the VPC's contents.
template <class Id, class Resource>
void put_into(Index& index, Table<Id, Resource> Index::Contents::*table, const Pointer<Resource>& resource) {
  change(index.vpcs, resource->vpc,
         [&](Index::Contents& contents) { (contents.*table).insert_or_assign(resource->id, resource); });
}
template <class Id, class Resource>
void take_from(Index& index, Table<Id, Resource> Index::Contents::*table, const Resource& resource) {
  change(index.vpcs, resource.vpc, [&](Index::Contents& contents) { (contents.*table).erase(resource.id); });
}

void add(Index& index, const Pointer<Subnet>& subnet) {
  put_into(index, &Index::Contents::subnets, subnet);
  if (subnet->route_table)
    index.route_table_associations.insert_or_assign(subnet->route_table->id, subnet->id);
}
void remove(Index& index, const Subnet& subnet) {
  take_from(index, &Index::Contents::subnets, subnet);
  if (subnet.route_table) index.route_table_associations.erase(subnet.route_table->id);
}

void add(Index& index, const Pointer<RouteTable>& table) {
  put_into(index, &Index::Contents::route_tables, table);
}
void remove(Index& index, const RouteTable& table) {
  take_from(index, &Index::Contents::route_tables, table);
}

void add(Index& index, const Pointer<VpcEndpoint>& endpoint) {
  put_into(index, &Index::Contents::vpc_endpoints, endpoint);
}
void remove(Index& index, const VpcEndpoint& endpoint) {
  take_from(index, &Index::Contents::vpc_endpoints, endpoint);
}

void add(Index& index, const Pointer<NetworkAcl>& acl) {
  put_into(index, &Index::Contents::network_acls, acl);
}
void remove(Index& index, const NetworkAcl& acl) {
  take_from(index, &Index::Contents::network_acls, acl);
}

void add(Index& index, const Pointer<SecurityGroup>& group) {
  put_into(index, &Index::Contents::security_groups, group);
  change(index.accounts, group->account, [](Index::Counts& counts) { ++counts.security_groups; });
}
void remove(Index& index, const SecurityGroup& group) {
  take_from(index, &Index::Contents::security_groups, group);
  change(index.accounts, group.account, [](Index::Counts& counts) { --counts.security_groups; });
}

void add(Index& index, const Pointer<SecurityGroupRule>& rule) {
  index.rules.insert_or_assign({rule->group, rule->id}, rule);
}
void remove(Index& index, const SecurityGroupRule& rule) {
  index.rules.erase({rule.group, rule.id});
}

void count(Index& index, const NetworkInterface& interface, int by) {
  change(index.accounts, interface.account,
         [&](Index::Counts& counts) { counts.network_interfaces += step(by); });
}

void add(Index& index, const Pointer<NetworkInterface>& interface) {
  change(index.vpcs, interface->vpc, [&](Index::Contents& contents) {
    contents.network_interfaces.insert_or_assign(interface->id, interface);
    contents.function_interfaces += interface->requester_managed() ? 1 : 0;
  });
  count(index, *interface, 1);
  for (const auto& address : interface->addresses()) {
    index.addresses.insert_or_assign({interface->subnet, address}, interface->id);
  }
  if (interface->attachment) {
    const auto& [id, netns, device_index, time] = *interface->attachment;
    index.attachments.insert_or_assign(id, interface->id);
    index.devices.insert_or_assign({netns, device_index}, interface->id);
  }
  if (interface->requester_managed()) {
    index.shared.insert_or_assign({interface->subnet, interface->groups}, interface->id);
  }
  for (const auto& user : interface->users) {
    index.users.insert_or_assign({user, interface->id}, {});
  }
}
void remove(Index& index, const NetworkInterface& interface) {
  change(index.vpcs, interface.vpc, [&](Index::Contents& contents) {
    contents.network_interfaces.erase(interface.id);
    contents.function_interfaces -= interface.requester_managed() ? 1 : 0;
  });
  count(index, interface, -1);
  for (const auto& address : interface.addresses()) {
    index.addresses.erase({interface.subnet, address});
  }
  if (interface.attachment) {
    index.attachments.erase(interface.attachment->id);
    index.devices.erase({interface.attachment->netns, interface.attachment->device_index});
  }
  if (interface.requester_managed()) index.shared.erase({interface.subnet, interface.groups});
  for (const auto& user : interface.users) {
    index.users.erase({user, interface.id});
  }
}

template <class IdType, class Resource>
void put_in(Index& index, Table<IdType, Resource>& table, Resource resource) {
  const auto* before = table.value_at(resource.id);
  if (before != nullptr) remove(index, **before);
  const auto made = std::make_shared<const Resource>(std::move(resource));
  add(index, made);
  table.insert_or_assign(made->id, made);
}

template <class IdType, class Resource>
void erase_in(Index& index, Table<IdType, Resource>& table, const IdType& id) {
  const auto* found = table.value_at(id);
  if (found == nullptr) return;
  const auto gone = *found;  // `id` may be a part of it
  remove(index, *gone);
  table.erase(gone->id);
}

template <class IdType, class Resource>
void add_all(Index& index, const Table<IdType, Resource>& table) {
  for (const auto& [id, resource] : table) {
    add(index, resource);
  }
}

}  // namespace

void put(State& state, Vpc resource) {
  put_in(state.index, state.vpcs, std::move(resource));
}
void put(State& state, Subnet resource) {
  put_in(state.index, state.subnets, std::move(resource));
}
void put(State& state, RouteTable resource) {
  put_in(state.index, state.route_tables, std::move(resource));
}
void put(State& state, NetworkAcl resource) {
  put_in(state.index, state.network_acls, std::move(resource));
}
void put(State& state, SecurityGroup resource) {
  put_in(state.index, state.security_groups, std::move(resource));
}
void put(State& state, SecurityGroupRule resource) {
  put_in(state.index, state.security_group_rules, std::move(resource));
}
void put(State& state, NetworkInterface resource) {
  put_in(state.index, state.network_interfaces, std::move(resource));
}
void put(State& state, VpcEndpoint resource) {
  put_in(state.index, state.vpc_endpoints, std::move(resource));
}

void put_client_token(State& state, const std::string& key, State::ClientToken token) {
  state.index.client_tokens.insert_or_assign({token.id, key}, {});
  state.client_tokens.insert_or_assign(key, std::move(token));
}

void erase(State& state, const VpcId& id) {
  erase_in(state.index, state.vpcs, id);
}
void erase(State& state, const SubnetId& id) {
  erase_in(state.index, state.subnets, id);
}
void erase(State& state, const RouteTableId& id) {
  erase_in(state.index, state.route_tables, id);
}
void erase(State& state, const NetworkAclId& id) {
  erase_in(state.index, state.network_acls, id);
}
void erase(State& state, const SecurityGroupId& id) {
  erase_in(state.index, state.security_groups, id);
}
void erase(State& state, const SecurityGroupRuleId& id) {
  erase_in(state.index, state.security_group_rules, id);
}
void erase(State& state, const NetworkInterfaceId& id) {
  erase_in(state.index, state.network_interfaces, id);
}
void erase(State& state, const VpcEndpointId& id) {
  erase_in(state.index, state.vpc_endpoints, id);
}

void erase_client_tokens(State& state, const std::string& made) {
  auto& tokens = state.index.client_tokens;
  for (auto row = tokens.lower_bound({made, ""}); row != tokens.end() && row->first.first == made;
       row = tokens.lower_bound({made, ""})) {
    const auto key = row->first;
    state.client_tokens.erase(key.second);
    tokens.erase(key);
  }
}

Index index_of(const State& state) {
  Index index;
  add_all(index, state.vpcs);
  add_all(index, state.subnets);
  add_all(index, state.route_tables);
  add_all(index, state.network_acls);
  add_all(index, state.security_groups);
  add_all(index, state.security_group_rules);
  add_all(index, state.network_interfaces);
  add_all(index, state.vpc_endpoints);
  for (const auto& [key, token] : state.client_tokens) {
    index.client_tokens.insert_or_assign({token.id, key}, {});
  }
  return index;
}

}  // namespace caisson::vpc
