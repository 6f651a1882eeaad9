// The model: everything that has been acknowledged to a caller, as one immutable value.
//
// Copying a State copies a few pointers: tables and their copies share nodes. A resource is replaced, never changed in
// place, so a reader may keep a snapshot for as long as it likes, on any thread.
#pragma once

#include <map>
#include <memory>

#include "vpc/model/account.hh"
#include "vpc/model/index.hh"
#include "vpc/model/network_acl.hh"
#include "vpc/model/network_interface.hh"
#include "vpc/model/quotas.hh"
#include "vpc/model/route_table.hh"
#include "vpc/model/security_group.hh"
#include "vpc/model/subnet.hh"
#include "vpc/model/vpc.hh"
#include "vpc/model/vpc_endpoint.hh"

namespace caisson::vpc {

/// The resource with this id, or nullptr.
template <class IdType, class Resource>
const Resource* find(const Table<IdType, Resource>& table, const IdType& id) {
  const auto* found = table.value_at(id);
  return found == nullptr ? nullptr : found->get();
}

/// The service with this name, or nullptr.
inline const Service* find_service(const std::vector<Service>& services, const std::string& name) {
  for (const auto& service : services) {
    if (service.name == name) return &service;
  }
  return nullptr;
}

/// The service with this prefix list, or nullptr.
inline const Service* find_prefix_list(const std::vector<Service>& services, const PrefixListId& id) {
  for (const auto& service : services) {
    if (service.prefix_list == id) return &service;
  }
  return nullptr;
}

struct State {
  std::map<AccountId, std::shared_ptr<const Account>> accounts = default_accounts();
  std::map<std::string, std::shared_ptr<const AccessKey>> access_keys;
  Table<VpcId, Vpc> vpcs;
  Table<SubnetId, Subnet> subnets;
  Table<RouteTableId, RouteTable> route_tables;
  Table<NetworkAclId, NetworkAcl> network_acls;
  Table<SecurityGroupId, SecurityGroup> security_groups;
  Table<SecurityGroupRuleId, SecurityGroupRule> security_group_rules;
  Table<NetworkInterfaceId, NetworkInterface> network_interfaces;
  Table<VpcEndpointId, VpcEndpoint> vpc_endpoints;
  /// The managed default VPC's one subnet and group per account (never shown by Describe).
  PersistentMap<AccountId, SubnetId> managed_subnets;
  /// ClientToken -> {fingerprint of the parameters, id of what was made}, per account and action.
  struct ClientToken {
    std::string parameters;
    std::string id;
    bool operator==(const ClientToken&) const = default;
  };
  PersistentMap<std::string, ClientToken> client_tokens;
  /// The next `number` of a VPC, subnet, route table or network interface. Below 2^28 (identity addresses).
  std::uint32_t next_number = 1;
  /// Goes up when an access key ceases to be: whoever keeps what was derived from one must let go of it.
  std::uint64_t access_key_revision = 0;
  /// Set by netd's configuration at start; no command changes it.
  Quotas quotas;
  /// From the services' documents, at start; no command changes them.
  std::vector<Service> services;
  Index index;
};

}  // namespace caisson::vpc
