#pragma once

#include <map>
#include <string>

#include "base/ipv4.hh"
#include "vpc/model/ids.hh"

namespace caisson::vpc {

using Tags = std::map<std::string, std::string>;

/// A VPC. `number` is its place in every key of the datapath: from the state's counter, never used again.
struct Vpc {
  VpcId id;
  AccountId account;
  std::uint32_t number = 0;
  Ipv4Cidr cidr;
  CidrAssociationId cidr_association;
  RouteTableId main_route_table;
  NetworkAclId default_network_acl;
  SecurityGroupId default_security_group;
  DhcpOptionsId dhcp_options;
  /// The account's managed default VPC: invisible to Describe and closed to every other action.
  bool managed = false;
  /// EC2's attribute enableDnsSupport: the resolver answers in it.
  bool dns_support = true;
  bool dns_hostnames = false;  ///< enableDnsHostnames
  Tags tags;
  bool operator==(const Vpc&) const = default;
};

/// Where the VPC's own resolver is, beside 169.254.169.253: VPC User Guide, "Amazon DNS server".
inline Ipv4Address resolver_of(const Vpc& vpc) {
  return {vpc.cidr.base().value + 2};
}

}  // namespace caisson::vpc
