// How much of each resource there may be. Defaults are EC2's ("Amazon VPC quotas"), but for the VPCs: EC2's 5
// per Region can be raised on request, and a host serves many more from the start.
#pragma once

#include <cstddef>

namespace caisson::vpc {

struct Quotas {
  std::size_t accounts = 10000;
  /// Of this host: each has a share of the datapath's flows that nobody else gets.
  std::size_t accounts_with_interfaces = 1024;
  std::size_t vpcs = 1000;  ///< per account
  std::size_t subnets_per_vpc = 200;
  std::size_t route_tables_per_vpc = 200;
  std::size_t routes_per_table = 500;
  std::size_t gateway_endpoints_per_vpc = 255;  ///< EC2 begins with 20 per Region and raises it to this
  std::size_t security_groups = 2500;           ///< per account
  std::size_t rules_per_direction = 60;         ///< of one security group
  std::size_t groups_per_interface = 5;
  std::size_t network_interfaces = 5000;  ///< per account
  std::size_t function_interfaces_per_vpc = 500;
  std::size_t addresses_per_interface = 50;  ///< EC2's largest instances'
  std::size_t tags_per_resource = 50;
};

}  // namespace caisson::vpc
