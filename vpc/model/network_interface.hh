#pragma once

#include <optional>
#include <set>
#include <vector>

#include "base/mac.hh"
#include "vpc/model/vpc.hh"

namespace caisson::vpc {

/// EC2's InterfaceType, as far as it exists here.
enum class InterfaceType {
  kInterface,  ///< "interface": a member that is not a function
  kLambda,  ///< "lambda": shared by the functions of one {account, subnet, set of groups}; requester-managed
};

/// A network namespace that a network interface is plugged into (EC2's attachment; InstanceId is
/// "netns:NAME").
struct Attachment {
  AttachmentId id;
  std::string netns;  ///< NAME as in `ip netns`
  int device_index = 0;
  std::string attach_time;
  bool operator==(const Attachment&) const = default;
};

/// A further private address (EC2: a secondary one), with a number of its own as NetworkInterface has: the datapath
/// knows addresses, each with its own identity, flows and ports.
struct SecondaryAddress {
  Ipv4Address address;
  std::uint32_t number = 0;
  bool operator==(const SecondaryAddress&) const = default;
};

/// An elastic network interface. `number` as in Vpc; it is also the low 28 bits of its identity address.
struct NetworkInterface {
  NetworkInterfaceId id;
  AccountId account;
  VpcId vpc;
  SubnetId subnet;
  std::uint32_t number = 0;
  InterfaceType type = InterfaceType::kInterface;
  Ipv4Address address;  ///< the primary private address
  /// Of a kLambda interface, in the order in which they came; they go with the interface.
  std::vector<SecondaryAddress> more_addresses;
  MacAddress mac;
  std::vector<SecurityGroupId> groups;  ///< sorted, without duplicates, 1..5
  std::string description;
  std::optional<Attachment> attachment;
  /// Who keeps a kLambda interface alive: tokens of runnerd's choice. Empty for the other type.
  std::set<std::string> users;
  Tags tags;
  bool operator==(const NetworkInterface&) const = default;

  [[nodiscard]] bool requester_managed() const { return type == InterfaceType::kLambda; }
  /// The primary address and the others.
  [[nodiscard]] std::vector<Ipv4Address> addresses() const {
    std::vector<Ipv4Address> all{address};
    for (const auto& more : more_addresses) {
      all.push_back(more.address);
    }
    return all;
  }
  /// EC2's Status: a function interface is in use for as long as it exists.
  [[nodiscard]] bool in_use() const { return attachment.has_value() || requester_managed(); }
};

}  // namespace caisson::vpc
