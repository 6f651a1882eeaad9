#pragma once

#include <optional>

#include "vpc/model/route_table.hh"
#include "vpc/model/vpc.hh"

namespace caisson::vpc {

/// A subnet; `number` as in Vpc. Addresses base+0..3 and the last are reserved (EC2, "Subnet CIDR blocks").
struct Subnet {
  SubnetId id;
  AccountId account;
  VpcId vpc;
  std::uint32_t number = 0;
  Ipv4Cidr cidr;
  std::string availability_zone;  ///< "us-east-1a"; its id is derived ("use1-az1").
  Tags tags;
  std::optional<RouteTableAssociation> route_table = std::nullopt;  ///< none: the VPC's main one
  bool operator==(const Subnet&) const = default;

  [[nodiscard]] Ipv4Address router() const { return {cidr.base().value + 1}; }
  [[nodiscard]] bool reserved(Ipv4Address address) const {
    return address.value < cidr.base().value + 4 || address == cidr.last();
  }
};

}  // namespace caisson::vpc
