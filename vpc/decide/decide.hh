// The oracle: what EC2's rules say of one packet at one network interface, read off the model rule by rule.
//
// Slow and plain on purpose, and it shares nothing with vpc/compile: the datapath is held against it.
#pragma once

#include <optional>

#include "vpc/model/state.hh"

namespace caisson::vpc {

/// A packet that belongs to no tracked flow, as the network interface sends or gets it.
struct Packet {
  Ipv4Address peer;
  int protocol = kTcp;
  int port = 0;  ///< destination port; ICMP: type * 256 + code; others: 0
  int source_port = 0;
  bool begins = true;  ///< TCP: a SYN without an ACK
};

/// The rule of the interface's groups that admits the packet: of several, the one with the lowest id.
/// nullptr: none does. EC2 API: "Security group rules"; a group as peer means the private addresses of its
/// network interfaces in the same VPC, and a prefix list the service's blocks.
const SecurityGroupRule* deciding_rule(const State& state, const NetworkInterface& interface, bool egress,
                                       const Packet& packet);

/// Does the packet, which a rule admits, begin a flow that is tracked? TCP and UDP between members is not if a rule admits
/// it from or to everybody, and one of the other direction is for everybody and all ports (EC2 User Guide, "Untracked
/// connections"). A UDP packet that answers such a one belongs to it. Of TCP, only the packet that begins a connection
/// begins a tracked flow: the rest of one that was not tracked must not, when its rule is gone.
bool begins_tracked_flow(const State& state, const NetworkInterface& interface, bool egress,
                         const Packet& packet);

/// Where a route leads, and through which endpoint: its id, or "" in the managed default VPC.
struct Way {
  RouteTarget target = RouteTarget::kLocal;
  std::string endpoint = {};
  bool operator==(const Way&) const = default;
};

/// Where the subnet's route table leads, by the longest prefix; nothing: no route. A static route wins over one of equal
/// length to a prefix list (VPC User Guide, "Route priority").
std::optional<Way> decide_way(const State& state, const SubnetId& subnet, Ipv4Address destination);

/// Where the subnet's route table leads, by the longest prefix; nothing: no route.
std::optional<RouteTarget> decide_route(const State& state, const SubnetId& subnet, Ipv4Address destination);

/// A service, and the endpoint through which a subnet reaches it.
struct ServiceWay {
  std::string service;   ///< a Service's name
  std::string endpoint;  ///< its id, or "" in the managed default VPC
  bool operator==(const ServiceWay&) const = default;
};

/// What somebody in the subnet speaks to at `address`; nothing: no service, or none that the subnet has a way to.
std::optional<ServiceWay> decide_service(const State& state, const SubnetId& subnet, Ipv4Address address);

}  // namespace caisson::vpc
