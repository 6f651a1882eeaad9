// What an account can see. A resource of another account is as absent as one that never was, and so is
// whatever lies in a managed VPC.
#pragma once

#include "base/result.hh"
#include "vpc/model/state.hh"

namespace caisson::vpc {

/// Does `vpc` exist, belong to this account and show in Describe? The resources of a VPC share its
/// visibility.
bool is_visible(const State& state, const AccountId& account, const VpcId& vpc);

/// nullptr when absent or not visible to the account.
const Vpc* find_visible(const State& state, const AccountId& account, const VpcId& id);
const Subnet* find_visible(const State& state, const AccountId& account, const SubnetId& id);
const RouteTable* find_visible(const State& state, const AccountId& account, const RouteTableId& id);
const NetworkAcl* find_visible(const State& state, const AccountId& account, const NetworkAclId& id);
const SecurityGroup* find_visible(const State& state, const AccountId& account, const SecurityGroupId& id);
const SecurityGroupRule* find_visible(const State& state, const AccountId& account,
                                      const SecurityGroupRuleId& id);
const NetworkInterface* find_visible(const State& state, const AccountId& account,
                                     const NetworkInterfaceId& id);
const VpcEndpoint* find_visible(const State& state, const AccountId& account, const VpcEndpointId& id);

/// EC2's error for an id that find_visible() does not find. For groups this is the code of the actions whose
/// subject the group is; where a group is a parameter of another action it is
/// InvalidSecurityGroupID.NotFound.
Error not_found(const VpcId& id);
Error not_found(const SubnetId& id);
Error not_found(const RouteTableId& id);
Error not_found(const NetworkAclId& id);
Error not_found(const SecurityGroupId& id);
Error not_found(const SecurityGroupRuleId& id);
Error not_found(const NetworkInterfaceId& id);
Error not_found(const VpcEndpointId& id);

/// The resource, or its not_found().
template <class IdType>
auto get_visible(const State& state, const AccountId& account, const IdType& id)
    -> Result<decltype(find_visible(state, account, id))> {
  const auto* found = find_visible(state, account, id);
  if (found == nullptr) return not_found(id);
  return found;
}

/// Is `name` one that `ip netns` can have: [A-Za-z0-9._-]{1,64}, and neither "." nor ".."?
bool is_netns_name(std::string_view name);

}  // namespace caisson::vpc
