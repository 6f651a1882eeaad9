#pragma once

#include <optional>
#include <vector>

#include "vpc/model/vpc.hh"

namespace caisson::vpc {

/// Where a route leads.
enum class RouteTarget {
  kLocal,    ///< the VPC itself ("local")
  kManaged,  ///< the managed default VPC's way to the internet, which EC2 does not show
  kInterface,  ///< a network interface: it gets only what is sent to itself (source/destination check), so such a
               ///< route swallows packets, as a blackhole does
  kEndpoint,  ///< a service; never stored: it follows from the endpoints that a table is associated with
};

struct Route {
  Ipv4Cidr destination;
  RouteTarget target = RouteTarget::kLocal;
  /// Of kInterface. It may be gone: then the route is a blackhole.
  std::optional<NetworkInterfaceId> interface = std::nullopt;
  bool operator==(const Route&) const = default;
};

/// What a subnet uses instead of its VPC's main table.
struct RouteTableAssociation {
  RouteTableAssociationId id;
  RouteTableId table;
  bool operator==(const RouteTableAssociation&) const = default;
};

struct RouteTable {
  RouteTableId id;
  AccountId account;
  VpcId vpc;
  std::uint32_t number = 0;
  std::vector<Route> routes;
  Tags tags;
  bool operator==(const RouteTable&) const = default;
};

/// The id of the association that makes a table its VPC's main one: it is implied, and not stored.
inline RouteTableAssociationId main_association(const RouteTableId& table) {
  const std::string& text = table.text();
  return *RouteTableAssociationId::parse("rtbassoc" + text.substr(text.find('-')));
}

}  // namespace caisson::vpc
