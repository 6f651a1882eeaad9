// Changes of a State's tables that keep its index: the only ones that vpc/apply makes.
#pragma once

#include "vpc/model/state.hh"

namespace caisson::vpc {

/// Adds the resource, or replaces the one with its id.
void put(State& state, Vpc resource);
void put(State& state, Subnet resource);
void put(State& state, RouteTable resource);
void put(State& state, NetworkAcl resource);
void put(State& state, SecurityGroup resource);
void put(State& state, SecurityGroupRule resource);
void put(State& state, NetworkInterface resource);
void put(State& state, VpcEndpoint resource);
void put_client_token(State& state, const std::string& key, State::ClientToken token);

/// Removes the resource, if there is one.
void erase(State& state, const VpcId& id);
void erase(State& state, const SubnetId& id);
void erase(State& state, const RouteTableId& id);
void erase(State& state, const NetworkAclId& id);
void erase(State& state, const SecurityGroupId& id);
void erase(State& state, const SecurityGroupRuleId& id);
void erase(State& state, const NetworkInterfaceId& id);
void erase(State& state, const VpcEndpointId& id);
/// All tokens whose request made this.
void erase_client_tokens(State& state, const std::string& made);

/// The index that the tables say: equal to `state.index` at all times.
Index index_of(const State& state);

/// The rules of a group: calls `visit` with each as a shared_ptr, in the order of their ids.
template <class Visit>
void for_each_rule(const State& state, const SecurityGroupId& group, const Visit& visit) {
  const auto& rules = state.index.rules;
  for (auto row = rules.lower_bound({group, {}}); row != rules.end() && row->first.first == group; ++row) {
    visit(row->second);
  }
}

}  // namespace caisson::vpc
