// What the kernel should hold for a State, as values: names, addresses and numbers, no interface indexes.
#pragma once

#include <compare>
#include <map>
#include <string>

#include "base/ipv4.hh"
#include "base/mac.hh"
#include "vpc/model/ids.hh"
#include "vpc/model/route_table.hh"

namespace caisson::vpc {

/// A subnet's bridge, by its name: "br-" and the last 10 digits of the subnet's id.
struct DesiredBridge {
  SubnetId subnet;
  bool operator==(const DesiredBridge&) const = default;
};

/// A member's veth, by the name of its end in the fabric: "cm" and 8 hexadecimal digits of the number.
struct DesiredMember {
  NetworkInterfaceId interface;
  std::string netns;
  int device_index = 0;  ///< the device inside is "eth" and this; 0 has the default route
  std::string bridge;
  MacAddress mac;
  Ipv4Address address;
  int prefix_length = 0;
  Ipv4Address router;
  bool operator==(const DesiredMember&) const = default;
};

/// A network interface in the datapath, by {the VPC's number, address}.
struct EniKey {
  std::uint32_t vpc = 0;
  Ipv4Address address;
  auto operator<=>(const EniKey&) const = default;
};
struct DesiredEni {
  NetworkInterfaceId id;
  AccountId account;
  std::uint32_t number = 0;
  std::uint32_t subnet = 0;
  std::uint32_t group_set = 0;
  std::string port;  ///< a member's; empty for a function interface
  std::string bridge;
  MacAddress mac;
  bool operator==(const DesiredEni&) const = default;
};

/// Ports [first, first + 2^(16 - bits)), `bits` of them fixed.
struct PortPrefix {
  std::uint16_t first = 0;
  int bits = 0;
  auto operator<=>(const PortPrefix&) const = default;
};

/// Protocols that no rule of the set and direction names.
inline constexpr int kOtherProtocols = -1;

struct RuleKey {
  std::uint32_t group_set = 0;
  std::uint32_t peer_class = 0;
  bool egress = false;
  int protocol = 0;
  PortPrefix ports;
  auto operator<=>(const RuleKey&) const = default;
};

/// The rule that admits, and which protocols' flows are not tracked: TCP or UDP for which a rule of the set is open to
/// everybody, and one of the other direction to everybody and all ports (EC2 User Guide, "Untracked connections").
struct DesiredRule {
  SecurityGroupRuleId id;
  bool untracked_tcp = false;
  bool untracked_udp = false;
  bool operator==(const DesiredRule&) const = default;
};

/// The security groups of one VPC: the class of each address by longest prefix, and the rule that admits.
struct DesiredPolicy {
  std::map<Ipv4Cidr, std::uint32_t> classes;
  std::map<RuleKey, DesiredRule> rules;
  bool operator==(const DesiredPolicy&) const = default;
};

struct RouteKey {
  std::uint32_t subnet = 0;
  Ipv4Cidr destination;
  auto operator<=>(const RouteKey&) const = default;
};

/// What questions to the resolver meet in a VPC.
struct DesiredResolver {
  Ipv4Address address;  ///< the VPC's own, beside 169.254.169.253
  bool serves = false;
  bool operator==(const DesiredResolver&) const = default;
};

struct DesiredRoute {
  RouteTarget target = RouteTarget::kLocal;
  std::string endpoint = {};  ///< of kEndpoint: the endpoint's id, or "managed"
  bool operator==(const DesiredRoute&) const = default;
};

/// What leads the managed default VPC to services, which no account made.
inline constexpr const char* kManagedEndpoint = "managed";

struct DesiredState {
  std::map<std::string, DesiredBridge> bridges;
  std::map<std::string, DesiredMember> members;
  std::map<EniKey, DesiredEni> enis;
  std::map<std::uint32_t, DesiredPolicy> policies;  ///< by the VPC's number
  std::map<RouteKey, DesiredRoute> routes;
  std::map<std::uint32_t, DesiredResolver> resolvers;  ///< by the VPC's number
  bool operator==(const DesiredState&) const = default;
};

}  // namespace caisson::vpc
