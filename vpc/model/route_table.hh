#pragma once

#include <vector>

#include "vpc/model/vpc.hh"

namespace caisson::vpc {

/// Where a route leads.
enum class RouteTarget {
  kLocal,    ///< the VPC itself ("local")
  kManaged,  ///< the managed default VPC's way to the internet, which EC2 does not show
};

struct Route {
  Ipv4Cidr destination;
  RouteTarget target = RouteTarget::kLocal;
  bool operator==(const Route&) const = default;
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

}  // namespace caisson::vpc
