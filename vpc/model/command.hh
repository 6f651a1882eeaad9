// Everything that can be asked of the model, as values.
//
// A command is stamped once, when it is accepted: `seed` is the source of the ids it makes and `time` is the
// time that it shows. apply() is a pure function of state and stamped command, so the stamped command is what
// netd stores and replays.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vpc/model/network_interface.hh"
#include "vpc/model/security_group.hh"
#include "vpc/model/subnet.hh"

namespace caisson::vpc {

struct CreateVpc {
  Ipv4Cidr cidr;
  Tags tags;
};
struct DeleteVpc {
  VpcId vpc;
};
/// One of them, as on EC2.
struct ModifyVpcAttribute {
  VpcId vpc;
  std::optional<bool> dns_support;
  std::optional<bool> dns_hostnames;
};
struct CreateSubnet {
  VpcId vpc;
  Ipv4Cidr cidr;
  std::optional<std::string> availability_zone;
  Tags tags;
};
struct DeleteSubnet {
  SubnetId subnet;
};
struct CreateSecurityGroup {
  VpcId vpc;
  std::string name;
  std::string description;
  Tags tags;
};
struct DeleteSecurityGroup {
  SecurityGroupId group;
};
/// AuthorizeSecurityGroupIngress and -Egress: all of the permissions or none.
struct AuthorizeSecurityGroup {
  struct Entry {
    Permission permission;
    std::string description;
  };
  SecurityGroupId group;
  bool egress = false;
  std::vector<Entry> entries;
  Tags tags;
};
/// RevokeSecurityGroupIngress and -Egress: by rule id or by exact permission.
struct RevokeSecurityGroup {
  SecurityGroupId group;
  bool egress = false;
  std::vector<SecurityGroupRuleId> rules;
  std::vector<Permission> permissions;
};
struct CreateNetworkInterface {
  SubnetId subnet;
  std::vector<SecurityGroupId> groups;  ///< empty: the VPC's default group
  std::optional<Ipv4Address> address;   ///< none: the lowest free one
  std::string description;
  Tags tags;
  std::string client_token;
};
struct DeleteNetworkInterface {
  NetworkInterfaceId interface;
};
struct AttachNetworkInterface {
  NetworkInterfaceId interface;
  std::string netns;
  int device_index = 0;
};
struct DetachNetworkInterface {
  AttachmentId attachment;
  bool force = false;
};
struct CreateTags {
  std::vector<std::string> resources;
  Tags tags;
};
/// From runnerd: the function interfaces of one {subnets, groups}, kept while a `user` names them.
/// Idempotent. Empty subnets and groups: the account's managed segment.
struct EnsureFunctionInterface {
  std::string user;
  std::vector<SubnetId> subnets;
  std::vector<SecurityGroupId> groups;
};
/// `user` needs none of its interfaces any more; those without a user are deleted. Idempotent.
struct ReleaseFunctionInterface {
  std::string user;
};

/// From netd, when the ports of a function interface's addresses run low: brings it to `addresses` of them, at the
/// lowest free addresses of its subnet. Idempotent.
struct GrowFunctionInterface {
  NetworkInterfaceId interface;
  std::size_t addresses = 1;
};

struct CreateRouteTable {
  VpcId vpc;
  Tags tags;
  std::string client_token;
};
struct DeleteRouteTable {
  RouteTableId table;
};
struct AssociateRouteTable {
  RouteTableId table;
  SubnetId subnet;
};
struct DisassociateRouteTable {
  RouteTableAssociationId association;
};
/// Of a subnet, or of the VPC: then the table becomes the main one.
struct ReplaceRouteTableAssociation {
  RouteTableAssociationId association;
  RouteTableId table;
};
struct CreateRoute {
  RouteTableId table;
  Ipv4Cidr destination;
  NetworkInterfaceId interface;
};
struct ReplaceRoute {
  RouteTableId table;
  Ipv4Cidr destination;
  std::optional<NetworkInterfaceId> interface;  ///< none: the local target again
};
struct DeleteRoute {
  RouteTableId table;
  Ipv4Cidr destination;
};
/// A gateway endpoint. Who decodes the command has checked the policy's syntax.
struct CreateVpcEndpoint {
  VpcId vpc;
  std::string service;
  std::vector<RouteTableId> route_tables;
  std::string policy;  ///< empty: the default one
  Tags tags;
  std::string client_token;
};
struct ModifyVpcEndpoint {
  VpcEndpointId endpoint;
  std::vector<RouteTableId> add_route_tables;
  std::vector<RouteTableId> remove_route_tables;
  std::optional<std::string> policy;  ///< empty: the default one again
};
/// Those that are not there are left to the reply.
struct DeleteVpcEndpoints {
  std::vector<VpcEndpointId> endpoints;
};

/// For operators. Accounts outlive nothing that they own.
struct CreateAccount {
  std::string name;
  std::optional<AccountId> account;  ///< none: a random one
};
struct DeleteAccount {
  AccountId account;
};
/// Of the account that asks. What is sealed comes with the stamp.
struct CreateAccessKey {};
struct DeleteAccessKey {
  std::string id;
};

using Command =
    std::variant<CreateVpc, DeleteVpc, ModifyVpcAttribute, CreateSubnet, DeleteSubnet, CreateSecurityGroup,
                 DeleteSecurityGroup, AuthorizeSecurityGroup, RevokeSecurityGroup, CreateNetworkInterface,
                 DeleteNetworkInterface, AttachNetworkInterface, DetachNetworkInterface, CreateTags,
                 EnsureFunctionInterface, ReleaseFunctionInterface, GrowFunctionInterface, CreateRouteTable,
                 DeleteRouteTable, AssociateRouteTable, DisassociateRouteTable, ReplaceRouteTableAssociation,
                 CreateRoute, ReplaceRoute, DeleteRoute, CreateVpcEndpoint, ModifyVpcEndpoint,
                 DeleteVpcEndpoints, CreateAccount, DeleteAccount, CreateAccessKey, DeleteAccessKey>;

struct StampedCommand {
  AccountId account;
  std::uint64_t seed = 0;  ///< 64 random bits
  std::string time;        ///< ISO 8601 UTC with milliseconds
  Command command;
  /// CreateAccessKey: the secret, random and sealed by netd. It cannot come from the seed, which is stored in the open.
  std::string sealed_secret = {};
};

}  // namespace caisson::vpc
