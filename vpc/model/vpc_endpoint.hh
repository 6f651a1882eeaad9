// Services that a VPC can reach without a way to the internet, and the endpoints through which it does.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "vpc/model/vpc.hh"

namespace caisson::vpc {

/// A service of this host, from its document (endpoints/services). Its prefix list is the provider's: no account
/// changes it.
struct Service {
  std::string name;  ///< "com.amazonaws.us-east-1.s3", of the prefix list, too
  PrefixListId prefix_list;
  std::vector<Ipv4Cidr> cidrs;
  std::vector<std::uint16_t> ports = {};  ///< TCP
  bool operator==(const Service&) const = default;
};

/// A gateway endpoint: its route tables lead to the service's prefix list through it.
struct VpcEndpoint {
  VpcEndpointId id;
  AccountId account;
  VpcId vpc;
  std::string service;                  ///< a Service's name
  std::set<RouteTableId> route_tables;  ///< of the same VPC
  std::string policy;  ///< a checked document; empty: the default one, which allows everything
  std::string created;
  Tags tags;
  bool operator==(const VpcEndpoint&) const = default;
};

}  // namespace caisson::vpc
