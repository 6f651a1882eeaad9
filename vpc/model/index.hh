// Ways into the tables of a State other than by id. Derived: vpc/apply/index.hh says from what, and keeps it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/persistent_map.hh"
#include "vpc/model/network_acl.hh"
#include "vpc/model/network_interface.hh"
#include "vpc/model/route_table.hh"
#include "vpc/model/security_group.hh"
#include "vpc/model/subnet.hh"
#include "vpc/model/vpc_endpoint.hh"

namespace caisson::vpc {

template <class IdType, class Resource>
using Table = PersistentMap<IdType, std::shared_ptr<const Resource>>;
template <class Key>
using KeySet = PersistentMap<Key, std::monostate>;

struct Index {
  /// What lies in a VPC.
  struct Contents {
    Table<SubnetId, Subnet> subnets;
    Table<RouteTableId, RouteTable> route_tables;
    Table<NetworkAclId, NetworkAcl> network_acls;
    Table<SecurityGroupId, SecurityGroup> security_groups;
    Table<NetworkInterfaceId, NetworkInterface> network_interfaces;
    Table<VpcEndpointId, VpcEndpoint> vpc_endpoints;
    std::size_t function_interfaces = 0;
    bool operator==(const Contents&) const = default;
  };
  /// How much an account has, for its quotas.
  struct Counts {
    std::size_t vpcs = 0;             ///< but the managed one
    std::size_t security_groups = 0;  ///< those of the managed VPC, too
    std::size_t network_interfaces = 0;
    bool operator==(const Counts&) const = default;
  };

  PersistentMap<VpcId, Contents> vpcs;  ///< those that have anything
  PersistentMap<AccountId, Counts> accounts;
  PersistentMap<std::pair<SecurityGroupId, SecurityGroupRuleId>, std::shared_ptr<const SecurityGroupRule>>
      rules;
  PersistentMap<std::pair<SubnetId, Ipv4Address>, NetworkInterfaceId> addresses;
  PersistentMap<AttachmentId, NetworkInterfaceId> attachments;
  /// Subnets that have a route table of their own.
  PersistentMap<RouteTableAssociationId, SubnetId> route_table_associations;
  /// By the namespace's name and the device's index in it.
  PersistentMap<std::pair<std::string, int>, NetworkInterfaceId> devices;
  /// Function interfaces, by what their functions have in common.
  PersistentMap<std::pair<SubnetId, std::vector<SecurityGroupId>>, NetworkInterfaceId> shared;
  KeySet<std::pair<std::string, NetworkInterfaceId>> users;
  /// {what was made, the key in client_tokens}.
  KeySet<std::pair<std::string, std::string>> client_tokens;

  bool operator==(const Index&) const = default;

  /// Nothing lies in the VPC: an empty one.
  [[nodiscard]] const Contents& in(const VpcId& vpc) const {
    static const Contents kNothing;
    const Contents* found = vpcs.value_at(vpc);
    return found == nullptr ? kNothing : *found;
  }
  [[nodiscard]] Counts of(const AccountId& account) const {
    const Counts* found = accounts.value_at(account);
    return found == nullptr ? Counts{} : *found;
  }
};

}  // namespace caisson::vpc
