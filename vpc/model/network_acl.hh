#pragma once

#include <vector>

#include "vpc/model/vpc.hh"

namespace caisson::vpc {

struct NetworkAclEntry {
  int rule_number = 0;  ///< 1..32766
  bool egress = false;
  bool allow = false;
  int protocol = -1;
  int from_port = -1;
  int to_port = -1;
  Ipv4Cidr cidr;
  bool operator==(const NetworkAclEntry&) const = default;
};

struct NetworkAcl {
  NetworkAclId id;
  AccountId account;
  VpcId vpc;
  bool is_default = false;
  std::vector<NetworkAclEntry> entries;
  Tags tags;
  bool operator==(const NetworkAcl&) const = default;
};

}  // namespace caisson::vpc
