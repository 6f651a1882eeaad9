#include <algorithm>

#include "vpc/apply/change.hh"
#include "vpc/apply/lookup.hh"

namespace caisson::vpc {
namespace {

constexpr int kHighestDeviceIndex = 31;
constexpr const char* kCreate = "CreateNetworkInterface";

MacAddress mac_from(std::uint64_t random) {
  MacAddress mac{{0x02}};
  for (std::size_t i = 1; i < mac.bytes.size(); ++i) {
    mac.bytes[i] = static_cast<std::uint8_t>(random >> (8 * i));
  }
  return mac;
}

Result<Ipv4Address> lowest_free_address(const State& state, const Subnet& subnet) {
  const auto& used = state.index.addresses;
  const Ipv4Address first{subnet.cidr.base().value + 4};
  const std::size_t rank = used.rank({subnet.id, first});
  // The used ones are in order: the first `n` addresses are all taken if and only if the n-th used one is the n-th.
  std::uint32_t taken = 0;
  std::uint32_t free = subnet.cidr.last().value - first.value;
  const auto takes = [&](std::uint32_t n) {
    return rank + n < used.size() &&
           used.nth(rank + n).first == std::pair(subnet.id, Ipv4Address{first.value + n});
  };
  while (taken < free) {
    const std::uint32_t middle = taken + (free - taken) / 2;
    if (takes(middle)) {
      taken = middle + 1;
    } else {
      free = middle;
    }
  }
  const Ipv4Address address{first.value + taken};
  if (address < subnet.cidr.last()) return address;
  return Error{.code = "InsufficientFreeAddressesInSubnet",
               .message = "The subnet '" + subnet.id.text() + "' does not have enough free addresses."};
}

Result<Ipv4Address> choose_address(const State& state, const Subnet& subnet,
                                   std::optional<Ipv4Address> wanted) {
  if (!wanted) return lowest_free_address(state, subnet);
  if (!subnet.cidr.contains(*wanted)) {
    return Error{.code = "InvalidParameterValue",
                 .message = "Address " + wanted->text() +
                            " does not fall within the subnet's address range " + subnet.cidr.text()};
  }
  if (subnet.reserved(*wanted)) {
    return Error{.code = "InvalidParameterValue",
                 .message = "Address " + wanted->text() + " is in subnet's reserved address range"};
  }
  if (state.index.addresses.contains({subnet.id, *wanted})) {
    return Error{.code = "InvalidIPAddress.InUse", .message = "Address " + wanted->text() + " is in use."};
  }
  return *wanted;
}

bool is_full(const State& state) {
  std::size_t accounts = 0;
  for (const auto& [id, counts] : state.index.accounts) {
    accounts += counts.network_interfaces > 0 ? 1 : 0;
  }
  return accounts >= state.quotas.accounts_with_interfaces;
}

Status check_quotas(const State& state, const NetworkInterface& interface) {
  const std::size_t of_account = state.index.of(interface.account).network_interfaces;
  if (of_account == 0 && is_full(state)) {
    return Error{.code = "NetworkInterfaceLimitExceeded",
                 .message =
                     "The maximum number of accounts with network interfaces on this host has been "
                     "reached."};
  }
  const std::size_t functions_of_vpc = state.index.in(interface.vpc).function_interfaces;
  const bool too_many = of_account >= state.quotas.network_interfaces;
  const bool too_many_functions =
      interface.requester_managed() && functions_of_vpc >= state.quotas.function_interfaces_per_vpc;
  if (too_many || too_many_functions) {
    return Error{.code = "NetworkInterfaceLimitExceeded",
                 .message = "The maximum number of network interfaces has been reached."};
  }
  return ok();
}

std::string fingerprint(const CreateNetworkInterface& command) {
  std::vector<std::string> texts{command.subnet.text(), command.address ? command.address->text() : "",
                                 command.description, std::to_string(command.groups.size())};
  for (const auto& group : command.groups)
    texts.push_back(group.text());
  return fingerprint_of(texts, command.tags);
}

Error not_permitted(const NetworkInterfaceId& id) {
  return {.code = "OperationNotPermitted",
          .message = "Network interface '" + id.text() + "' is managed by the functions that use it"};
}

Status check_netns(const Change& change, const AttachNetworkInterface& command) {
  if (!is_netns_name(command.netns)) {
    return Error{
        .code = "InvalidInstanceID.Malformed",
        .message = "Invalid id: the InstanceId is netns:NAME, NAME being 1 to 64 of A-Z a-z 0-9 . _ -"};
  }
  if (command.device_index < 0 || command.device_index > kHighestDeviceIndex) {
    return Error{.code = "InvalidParameterValue",
                 .message = "Value (" + std::to_string(command.device_index) +
                            ") for parameter deviceIndex is invalid. It must be between 0 and " +
                            std::to_string(kHighestDeviceIndex)};
  }
  const auto& devices = change.state.index.devices;
  for (auto row = devices.lower_bound({command.netns, 0});
       row != devices.end() && row->first.first == command.netns; ++row) {
    const auto* other = find(change.state.network_interfaces, row->second);
    // A namespace that another account uses is as absent as that account's resources.
    if (other->account != change.account()) {
      return Error{.code = "InvalidInstanceID.NotFound",
                   .message = "The instance ID 'netns:" + command.netns + "' does not exist"};
    }
    if (other->attachment->device_index == command.device_index) {
      return Error{.code = "InvalidParameterValue",
                   .message = "Instance 'netns:" + command.netns +
                              "' already has an interface attached at "
                              "device index '" +
                              std::to_string(command.device_index) + "'."};
    }
  }
  return ok();
}

}  // namespace

Result<std::vector<SecurityGroupId>> check_groups(const Change& change, const Subnet& subnet,
                                                  std::vector<SecurityGroupId> groups) {
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  for (const auto& id : groups) {
    const auto* group = find_visible(change.state, change.account(), id);
    if (group == nullptr) {
      return Error{.code = "InvalidSecurityGroupID.NotFound",
                   .message = "The security group '" + id.text() + "' does not exist"};
    }
    if (group->vpc != subnet.vpc) {
      return Error{.code = "InvalidParameter",
                   .message = "Security group " + id.text() + " and subnet " + subnet.id.text() +
                              " belong to different networks."};
    }
  }
  if (groups.size() > change.state.quotas.groups_per_interface) {
    return Error{.code = "SecurityGroupsPerInterfaceLimitExceeded",
                 .message = "The maximum number of security groups per interface has been reached."};
  }
  return groups;
}

Result<NetworkInterfaceId> make_network_interface(Change& change, NetworkInterface interface,
                                                  std::optional<Ipv4Address> address) {
  TRYV(check_quotas(change.state, interface));
  TRY(interface.address,
      choose_address(change.state, *find(change.state.subnets, interface.subnet), address));
  interface.id = change.fresh<NetworkInterfaceId>();
  TRY(interface.number, change.number());
  interface.mac = mac_from(change.random());
  const NetworkInterfaceId id = interface.id;
  change.touched.insert(interface.vpc);
  put(change.state, std::move(interface));
  return id;
}

Result<SecondaryAddress> make_secondary_address(Change& change, const NetworkInterface& interface) {
  SecondaryAddress made;
  TRY(made.address,
      choose_address(change.state, *find(change.state.subnets, interface.subnet), std::nullopt));
  TRY(made.number, change.number());
  return made;
}

Status apply_to(Change& change, const CreateNetworkInterface& command) {
  TRY(auto made, made_before(change, kCreate, command.client_token, fingerprint(command)));
  if (made) {
    change.ids.push_back(*made);
    return ok();
  }
  TRYV(check_tags(change.state, command.tags));
  TRY(const auto* subnet, get_visible(change.state, change.account(), command.subnet));
  if (command.description.size() > 255) {
    return Error{.code = "InvalidParameterValue",
                 .message = "The description is invalid. It has up to 255 characters"};
  }
  TRY(auto groups, check_groups(change, *subnet, command.groups));
  if (groups.empty()) groups.push_back(find(change.state.vpcs, subnet->vpc)->default_security_group);
  NetworkInterface interface {
    .account = change.account(), .vpc = subnet->vpc, .subnet = subnet->id, .groups = std::move(groups),
    .description = command.description, .tags = command.tags
  };
  TRY(auto id, make_network_interface(change, std::move(interface), command.address));
  change.ids.push_back(id.text());
  keep_token(change, kCreate, command.client_token, fingerprint(command), id.text());
  return ok();
}

Status apply_to(Change& change, const DeleteNetworkInterface& command) {
  TRY(const auto* interface, get_visible(change.state, change.account(), command.interface));
  if (interface->requester_managed()) return not_permitted(interface->id);
  if (interface->in_use()) {
    return Error{.code = "InvalidNetworkInterface.InUse",
                 .message = "Network interface '" + interface->id.text() + "' is currently in use."};
  }
  change.touched.insert(interface->vpc);
  erase_client_tokens(change.state, command.interface.text());
  erase(change.state, command.interface);
  return ok();
}

Status apply_to(Change& change, const AttachNetworkInterface& command) {
  TRY(const auto* found, get_visible(change.state, change.account(), command.interface));
  if (found->requester_managed()) return not_permitted(found->id);
  if (found->in_use()) {
    return Error{.code = "InvalidNetworkInterface.InUse",
                 .message = "Interface: [" + found->id.text() + "] in use."};
  }
  TRYV(check_netns(change, command));
  NetworkInterface interface = *found;
  interface.attachment = Attachment{.id = change.fresh<AttachmentId>(),
                                    .netns = command.netns,
                                    .device_index = command.device_index,
                                    .attach_time = change.time()};
  change.ids.push_back(interface.attachment->id.text());
  change.touched.insert(interface.vpc);
  put(change.state, std::move(interface));
  return ok();
}

Status apply_to(Change& change, const DetachNetworkInterface& command) {
  const auto* id = change.state.index.attachments.value_at(command.attachment);
  const auto* found = id == nullptr ? nullptr : find(change.state.network_interfaces, *id);
  if (found == nullptr || found->account != change.account()) {
    return Error{.code = "InvalidAttachmentID.NotFound",
                 .message = "The attachment ID '" + command.attachment.text() + "' does not exist"};
  }
  NetworkInterface interface = *found;
  interface.attachment.reset();
  change.touched.insert(interface.vpc);
  put(change.state, std::move(interface));
  return ok();
}

}  // namespace caisson::vpc
