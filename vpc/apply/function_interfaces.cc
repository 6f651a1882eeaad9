#include <algorithm>

#include "vpc/apply/change.hh"
#include "vpc/apply/lookup.hh"

namespace caisson::vpc {
namespace {

constexpr std::size_t kLongestUser = 256;
constexpr std::size_t kMostSubnets = 16;  // Lambda's VpcConfig.SubnetIds

Status check_shape(const EnsureFunctionInterface& command) {
  if (command.user.empty() || command.user.size() > kLongestUser) {
    return Error{.code = "InvalidParameterValue",
                 .message = "The user of a function interface has 1 to 256 characters"};
  }
  if (command.subnets.empty() != command.groups.empty()) {
    return Error{.code = "InvalidParameterValue",
                 .message = "Subnets and security groups must both be given, or neither"};
  }
  if (command.subnets.size() > kMostSubnets) {
    return Error{.code = "InvalidParameterValue", .message = "A function has at most 16 subnets"};
  }
  return ok();
}

/// The interface that all functions with this subnet and these groups share; made when there is none.
Result<NetworkInterfaceId> share(Change& change, const Subnet& subnet,
                                 const std::vector<SecurityGroupId>& groups, const std::string& user) {
  if (const auto* shared = change.state.index.shared.value_at({subnet.id, groups}); shared != nullptr) {
    NetworkInterface interface = *find(change.state.network_interfaces, *shared);
    const NetworkInterfaceId id = interface.id;
    // What is compiled does not depend on users.
    if (interface.users.insert(user).second) put(change.state, std::move(interface));
    return id;
  }
  return make_network_interface(change,
                                {.account = change.account(),
                                 .vpc = subnet.vpc,
                                 .subnet = subnet.id,
                                 .type = InterfaceType::kLambda,
                                 .groups = groups,
                                 .description = "AWS Lambda VPC ENI-" + user.substr(0, user.find('#')),
                                 .users = {user}},
                                std::nullopt);
}

Status ensure_managed(Change& change, const std::string& user) {
  TRY(auto id, ensure_managed_subnet(change));
  const auto subnet = change.state.subnets.at(id);
  const auto group = find(change.state.vpcs, subnet->vpc)->default_security_group;
  TRY(auto interface, share(change, *subnet, {group}, user));
  change.ids.push_back(interface.text());
  return ok();
}

}  // namespace

Status apply_to(Change& change, const EnsureFunctionInterface& command) {
  TRYV(check_shape(command));
  if (command.subnets.empty()) return ensure_managed(change, command.user);
  TRY(const auto* first, get_visible(change.state, change.account(), command.subnets.front()));
  for (const auto& id : command.subnets) {
    TRY(const auto* subnet, get_visible(change.state, change.account(), id));
    if (subnet->vpc != first->vpc) {
      return Error{
          .code = "InvalidParameter",
          .message = "Subnets " + first->id.text() + " and " + id.text() + " belong to different networks."};
    }
    TRY(auto groups, check_groups(change, *subnet, command.groups));
    TRY(auto interface, share(change, *subnet, groups, command.user));
    change.ids.push_back(interface.text());
  }
  return ok();
}

Status apply_to(Change& change, const ReleaseFunctionInterface& command) {
  std::vector<NetworkInterface> released;
  const auto& users = change.state.index.users;
  for (auto row = users.lower_bound({command.user, {}});
       row != users.end() && row->first.first == command.user; ++row) {
    const auto* interface = find(change.state.network_interfaces, row->first.second);
    if (interface->account == change.account()) released.push_back(*interface);
  }
  for (auto& interface : released) {
    interface.users.erase(command.user);
    if (!interface.users.empty()) {
      put(change.state, std::move(interface));
      continue;
    }
    change.touched.insert(interface.vpc);
    erase(change.state, interface.id);
  }
  return ok();
}

Status apply_to(Change& change, const GrowFunctionInterface& command) {
  const auto* found = find(change.state.network_interfaces, command.interface);
  if (found == nullptr || found->account != change.account() || !found->requester_managed()) {
    return not_found(command.interface);
  }
  if (command.addresses > change.state.quotas.addresses_per_interface) {
    return Error{.code = "PrivateIpAddressLimitExceeded",
                 .message = "Number of private addresses will exceed limit of network interface '" +
                            command.interface.text() + "'."};
  }
  while (find(change.state.network_interfaces, command.interface)->addresses().size() < command.addresses) {
    NetworkInterface interface = *find(change.state.network_interfaces, command.interface);
    TRY(auto address, make_secondary_address(change, interface));
    interface.more_addresses.push_back(address);
    change.touched.insert(interface.vpc);
    put(change.state, std::move(interface));
  }
  return ok();
}

}  // namespace caisson::vpc
