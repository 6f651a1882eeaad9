#include <algorithm>
#include <array>

#include "vpc/apply/change.hh"
#include "vpc/apply/lookup.hh"

namespace caisson::vpc {
namespace {

/// "This network", loopback, link-local (where guests have their own addresses), multicast and what lies
/// above it: no VPC of EC2 can have them either (VPC User Guide, "VPC CIDR blocks").
bool is_special(const Ipv4Cidr& cidr) {
  static const std::array<Ipv4Cidr, 4> special{Ipv4Cidr({0x00000000}, 8), Ipv4Cidr({0x7f000000}, 8),
                                               Ipv4Cidr({0xa9fe0000}, 16), Ipv4Cidr({0xe0000000}, 3)};
  return std::any_of(special.begin(), special.end(), [&](const Ipv4Cidr& s) { return s.overlaps(cidr); });
}

NetworkAclEntry allow_all(bool egress) {
  return {.rule_number = 100, .egress = egress, .allow = true, .cidr = Ipv4Cidr({0}, 0)};
}

/// Whatever keeps a VPC from being deleted. Its main route table, default ACL and default group do not.
bool has_dependencies(const State& state, const Vpc& vpc) {
  const auto& inside = state.index.in(vpc.id);
  return !inside.subnets.empty() || !inside.network_interfaces.empty() || inside.route_tables.size() > 1 ||
         !inside.vpc_endpoints.empty() || inside.network_acls.size() > 1 || inside.security_groups.size() > 1;
}

}  // namespace

Result<VpcId> make_vpc(Change& change, VpcContents contents) {
  Vpc vpc{.id = change.fresh<VpcId>(), .account = change.account(), .cidr = contents.cidr};
  TRY(vpc.number, change.number());
  vpc.cidr_association = change.fresh<CidrAssociationId>();
  vpc.main_route_table = change.fresh<RouteTableId>();
  vpc.default_network_acl = change.fresh<NetworkAclId>();
  vpc.default_security_group = change.fresh<SecurityGroupId>();
  vpc.dhcp_options = change.fresh<DhcpOptionsId>();
  vpc.managed = contents.managed;
  vpc.tags = std::move(contents.tags);

  TRY(auto table_number, change.number());
  put(change.state, RouteTable{.id = vpc.main_route_table,
                               .account = vpc.account,
                               .vpc = vpc.id,
                               .number = table_number,
                               .routes = {{contents.destination, contents.target}}});
  put(change.state, NetworkAcl{.id = vpc.default_network_acl,
                               .account = vpc.account,
                               .vpc = vpc.id,
                               .is_default = true,
                               .entries = {allow_all(false), allow_all(true)}});
  put(change.state, SecurityGroup{.id = vpc.default_security_group,
                                  .account = vpc.account,
                                  .vpc = vpc.id,
                                  .name = "default",
                                  .description = "default VPC security group"});
  if (contents.ingress_from_itself) {
    make_rule(change, vpc.default_security_group, {.peer = vpc.default_security_group}, "", {});
  }
  make_rule(change, vpc.default_security_group, {.egress = true, .peer = Ipv4Cidr({0}, 0)}, "", {});

  const VpcId id = vpc.id;
  put(change.state, std::move(vpc));
  change.touched.insert(id);
  return id;
}

Status apply_to(Change& change, const CreateVpc& command) {
  TRYV(check_tags(change.state, command.tags));
  if (command.cidr.length() < 16 || command.cidr.length() > 28 || is_special(command.cidr)) {
    return Error{.code = "InvalidVpc.Range",
                 .message = "The CIDR '" + command.cidr.text() +
                            "' is invalid: a VPC has between /16 and /28 of unicast addresses outside "
                            "0.0.0.0/8, 127.0.0.0/8 and 169.254.0.0/16"};
  }
  if (change.state.index.of(change.account()).vpcs >= change.state.quotas.vpcs) {
    return Error{.code = "VpcLimitExceeded", .message = "The maximum number of VPCs has been reached."};
  }
  TRY(auto id, make_vpc(change, {.cidr = command.cidr, .destination = command.cidr, .tags = command.tags}));
  change.ids.push_back(id.text());
  return ok();
}

Status apply_to(Change& change, const DeleteVpc& command) {
  TRY(const auto* found, get_visible(change.state, change.account(), command.vpc));
  const Vpc vpc = *found;
  if (has_dependencies(change.state, vpc)) {
    return Error{.code = "DependencyViolation",
                 .message = "The vpc '" + vpc.id.text() + "' has dependencies and cannot be deleted."};
  }
  erase_rules(change, vpc.default_security_group);
  erase(change.state, vpc.default_security_group);
  erase(change.state, vpc.default_network_acl);
  erase_client_tokens(change.state, vpc.main_route_table.text());
  erase(change.state, vpc.main_route_table);
  erase(change.state, vpc.id);
  change.touched.insert(vpc.id);
  return ok();
}

Status apply_to(Change& change, const ModifyVpcAttribute& command) {
  TRY(const auto* found, get_visible(change.state, change.account(), command.vpc));
  if (command.dns_support.has_value() == command.dns_hostnames.has_value()) {
    return Error{
        .code = "InvalidParameterCombination",
        .message = "Exactly one attribute is modified at a time: EnableDnsSupport or EnableDnsHostnames."};
  }
  Vpc vpc = *found;
  vpc.dns_support = command.dns_support.value_or(vpc.dns_support);
  vpc.dns_hostnames = command.dns_hostnames.value_or(vpc.dns_hostnames);
  change.touched.insert(vpc.id);
  put(change.state, std::move(vpc));
  return ok();
}

}  // namespace caisson::vpc
