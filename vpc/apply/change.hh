// The draft that a command writes: a copy of the state, which is thrown away when the command fails.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.hh"
#include "vpc/apply/index.hh"
#include "vpc/model/command.hh"
#include "vpc/model/state.hh"

namespace caisson::vpc {

/// The nth number of a seed's stream: splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
std::uint64_t nth_random(std::uint64_t seed, std::uint64_t n);

/// Not thread-safe; lives as long as one apply().
class Change {
 public:
  Change(const State& before, const StampedCommand& stamped)
      : state(before),
        account_(stamped.account),
        time_(stamped.time),
        seed_(stamped.seed),
        sealed_secret_(stamped.sealed_secret) {}

  [[nodiscard]] const AccountId& account() const { return account_; }
  [[nodiscard]] const std::string& time() const { return time_; }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] const std::string& sealed_secret() const { return sealed_secret_; }

  /// The next 64 bits of the command's own stream (splitmix64 over the seed): the same at every replay.
  std::uint64_t random();

  /// A new id from that stream.
  template <class IdType>
  IdType fresh() {
    return IdType::make(random());
  }

  /// A number for a VPC, subnet, route table or network interface. Error ServiceUnavailable when all 2^28 are
  /// used up.
  Result<std::uint32_t> number();

  State state;
  std::set<VpcId> touched;
  std::vector<std::string> ids;

 private:
  AccountId account_;
  std::string time_;
  std::uint64_t seed_;
  std::uint64_t drawn_ = 0;
  std::string sealed_secret_;
};

/// A command for each resource; see apply() for what they promise.
Status apply_to(Change& change, const CreateVpc& command);
Status apply_to(Change& change, const DeleteVpc& command);
Status apply_to(Change& change, const ModifyVpcAttribute& command);
Status apply_to(Change& change, const CreateSubnet& command);
Status apply_to(Change& change, const DeleteSubnet& command);
Status apply_to(Change& change, const CreateSecurityGroup& command);
Status apply_to(Change& change, const DeleteSecurityGroup& command);
Status apply_to(Change& change, const AuthorizeSecurityGroup& command);
Status apply_to(Change& change, const RevokeSecurityGroup& command);
Status apply_to(Change& change, const CreateNetworkInterface& command);
Status apply_to(Change& change, const DeleteNetworkInterface& command);
Status apply_to(Change& change, const AttachNetworkInterface& command);
Status apply_to(Change& change, const DetachNetworkInterface& command);
Status apply_to(Change& change, const CreateTags& command);
Status apply_to(Change& change, const EnsureFunctionInterface& command);
Status apply_to(Change& change, const ReleaseFunctionInterface& command);
Status apply_to(Change& change, const GrowFunctionInterface& command);
Status apply_to(Change& change, const CreateRouteTable& command);
Status apply_to(Change& change, const DeleteRouteTable& command);
Status apply_to(Change& change, const AssociateRouteTable& command);
Status apply_to(Change& change, const DisassociateRouteTable& command);
Status apply_to(Change& change, const ReplaceRouteTableAssociation& command);
Status apply_to(Change& change, const CreateRoute& command);
Status apply_to(Change& change, const ReplaceRoute& command);
Status apply_to(Change& change, const DeleteRoute& command);
Status apply_to(Change& change, const CreateVpcEndpoint& command);
Status apply_to(Change& change, const ModifyVpcEndpoint& command);
Status apply_to(Change& change, const DeleteVpcEndpoints& command);
Status apply_to(Change& change, const CreateAccount& command);
Status apply_to(Change& change, const DeleteAccount& command);
Status apply_to(Change& change, const CreateAccessKey& command);
Status apply_to(Change& change, const DeleteAccessKey& command);

/// What CreateVpc makes, shared with the managed default VPC: the VPC, its main route table with `routes`,
/// its default network ACL and default group. The group admits `ingress_from_itself` or nothing, and all
/// egress.
struct VpcContents {
  Ipv4Cidr cidr;
  bool managed = false;
  RouteTarget target = RouteTarget::kLocal;
  Ipv4Cidr destination;
  bool ingress_from_itself = true;
  Tags tags;
};
Result<VpcId> make_vpc(Change& change, VpcContents contents);

/// A subnet without any check.
Result<SubnetId> make_subnet(Change& change, const VpcId& vpc, Ipv4Cidr cidr, std::string availability_zone,
                             Tags tags);

/// Adds a rule without any check.
SecurityGroupRuleId make_rule(Change& change, const SecurityGroupId& group, const Permission& permission,
                              std::string description, Tags tags);

/// Removes all rules of the group.
void erase_rules(Change& change, const SecurityGroupId& group);

/// A network interface at `address`, or at the lowest free address of its subnet. `interface` brings subnet,
/// VPC, groups, type and texts; this adds id, number, MAC and address. Errors: the two quotas,
/// InsufficientFreeAddressesInSubnet, InvalidParameterValue, InvalidIPAddress.InUse.
Result<NetworkInterfaceId> make_network_interface(Change& change, NetworkInterface interface,
                                                  std::optional<Ipv4Address> address);

/// A further address for the interface, which the caller puts into the state. Error: InsufficientFreeAddressesInSubnet.
Result<SecondaryAddress> make_secondary_address(Change& change, const NetworkInterface& interface);

/// The groups of a network interface in this subnet: sorted, each exists, in the subnet's VPC, no more than
/// the quota. Errors: InvalidSecurityGroupID.NotFound, InvalidParameter,
/// SecurityGroupsPerInterfaceLimitExceeded.
Result<std::vector<SecurityGroupId>> check_groups(const Change& change, const Subnet& subnet,
                                                  std::vector<SecurityGroupId> groups);

/// The account's managed subnet, with all around it; made at first use.
Result<SubnetId> ensure_managed_subnet(Change& change);

/// What a request with a ClientToken made, if the account has sent the same request (equal `fingerprint`) with it before.
/// Empty tokens are none. Errors: InvalidParameterValue, IdempotentParameterMismatch.
Result<std::optional<std::string>> made_before(const Change& change, const std::string& action,
                                               const std::string& token, const std::string& fingerprint);
/// Keeps the token, if there is one.
void keep_token(Change& change, const std::string& action, const std::string& token,
                const std::string& fingerprint, const std::string& made);
/// Texts as one that is equal only for equal texts: each carries its length.
std::string fingerprint_of(const std::vector<std::string>& texts, const Tags& tags);

/// EC2's restrictions on tags. Errors: InvalidTagKey.Malformed, InvalidParameterValue, TagLimitExceeded.
Status check_tags(const State& state, const Tags& tags);

}  // namespace caisson::vpc
