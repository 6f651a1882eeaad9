#pragma once

#include <variant>

#include "vpc/model/vpc.hh"

namespace caisson::vpc {

/// Protocol numbers as in IP (RFC 790); kAllProtocols is EC2's "-1".
inline constexpr int kAllProtocols = -1;
inline constexpr int kIcmp = 1;
inline constexpr int kTcp = 6;
inline constexpr int kUdp = 17;

/// Whom a rule is about: a block of addresses, the members of a group (its ENIs' private addresses) in the same VPC, or the
/// blocks of a service's prefix list.
using Peer = std::variant<Ipv4Cidr, SecurityGroupId, PrefixListId>;

/// What a security group rule admits, without its id: two rules with equal permissions are duplicates.
struct Permission {
  bool egress = false;
  int protocol = kAllProtocols;  ///< -1 or 0..255
  /// TCP, UDP: port range 0..65535. ICMP: type and code, -1 = any. Other protocols and -1: both -1, all
  /// ports.
  int from_port = -1;
  int to_port = -1;
  Peer peer;
  auto operator<=>(const Permission&) const = default;
};

struct SecurityGroupRule {
  SecurityGroupRuleId id;
  AccountId account;
  SecurityGroupId group;
  Permission permission;
  std::string description;
  Tags tags;
  bool operator==(const SecurityGroupRule&) const = default;
};

struct SecurityGroup {
  SecurityGroupId id;
  AccountId account;
  VpcId vpc;
  std::string name;
  std::string description;
  Tags tags;
  bool operator==(const SecurityGroup&) const = default;
};

}  // namespace caisson::vpc
