#include "vpc/apply/lookup.hh"

#include <algorithm>

namespace caisson::vpc {
namespace {

/// For resources that lie in a VPC.
template <class Resource>
const Resource* visible_in_vpc(const State& state, const AccountId& account, const Resource* resource) {
  if (resource == nullptr || resource->account != account) return nullptr;
  return is_visible(state, account, resource->vpc) ? resource : nullptr;
}

Error does_not_exist(const char* code, const std::string& kind, const std::string& id) {
  return {.code = code, .message = "The " + kind + " '" + id + "' does not exist"};
}

}  // namespace

bool is_visible(const State& state, const AccountId& account, const VpcId& vpc) {
  return find_visible(state, account, vpc) != nullptr;
}

const Vpc* find_visible(const State& state, const AccountId& account, const VpcId& id) {
  const Vpc* vpc = find(state.vpcs, id);
  return vpc != nullptr && vpc->account == account && !vpc->managed ? vpc : nullptr;
}

const Subnet* find_visible(const State& state, const AccountId& account, const SubnetId& id) {
  return visible_in_vpc(state, account, find(state.subnets, id));
}

const RouteTable* find_visible(const State& state, const AccountId& account, const RouteTableId& id) {
  return visible_in_vpc(state, account, find(state.route_tables, id));
}

const NetworkAcl* find_visible(const State& state, const AccountId& account, const NetworkAclId& id) {
  return visible_in_vpc(state, account, find(state.network_acls, id));
}

const SecurityGroup* find_visible(const State& state, const AccountId& account, const SecurityGroupId& id) {
  return visible_in_vpc(state, account, find(state.security_groups, id));
}

const SecurityGroupRule* find_visible(const State& state, const AccountId& account,
                                      const SecurityGroupRuleId& id) {
  const SecurityGroupRule* rule = find(state.security_group_rules, id);
  if (rule == nullptr || find_visible(state, account, rule->group) == nullptr) return nullptr;
  return rule;
}

const NetworkInterface* find_visible(const State& state, const AccountId& account,
                                     const NetworkInterfaceId& id) {
  return visible_in_vpc(state, account, find(state.network_interfaces, id));
}

const VpcEndpoint* find_visible(const State& state, const AccountId& account, const VpcEndpointId& id) {
  return visible_in_vpc(state, account, find(state.vpc_endpoints, id));
}

Error not_found(const VpcId& id) {
  return does_not_exist("InvalidVpcID.NotFound", "vpc ID", id.text());
}
Error not_found(const SubnetId& id) {
  return does_not_exist("InvalidSubnetID.NotFound", "subnet ID", id.text());
}
Error not_found(const RouteTableId& id) {
  return does_not_exist("InvalidRouteTableID.NotFound", "routeTable ID", id.text());
}
Error not_found(const NetworkAclId& id) {
  return does_not_exist("InvalidNetworkAclID.NotFound", "networkAcl ID", id.text());
}
Error not_found(const SecurityGroupId& id) {
  return does_not_exist("InvalidGroup.NotFound", "security group", id.text());
}
Error not_found(const SecurityGroupRuleId& id) {
  return does_not_exist("InvalidSecurityGroupRuleId.NotFound", "security group rule ID", id.text());
}
Error not_found(const NetworkInterfaceId& id) {
  return does_not_exist("InvalidNetworkInterfaceID.NotFound", "networkInterface ID", id.text());
}
Error not_found(const VpcEndpointId& id) {
  return does_not_exist("InvalidVpcEndpointId.NotFound", "Vpc Endpoint Id", id.text());
}

bool is_netns_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace caisson::vpc
