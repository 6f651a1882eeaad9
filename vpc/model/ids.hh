// The ids of EC2's resources, a type each: swapping two of them would be a breach, so it does not compile.
#pragma once

#include "base/id.hh"

namespace caisson::vpc {

#define CAISSON_ID(Type, text)                       \
  struct Type##Tag {                                 \
    static constexpr std::string_view prefix = text; \
  };                                                 \
  using Type = Id<Type##Tag>;

CAISSON_ID(VpcId, "vpc")
CAISSON_ID(SubnetId, "subnet")
CAISSON_ID(RouteTableId, "rtb")
CAISSON_ID(RouteTableAssociationId, "rtbassoc")
CAISSON_ID(NetworkAclId, "acl")
CAISSON_ID(VpcEndpointId, "vpce")
CAISSON_ID(PrefixListId, "pl")
CAISSON_ID(SecurityGroupId, "sg")
CAISSON_ID(SecurityGroupRuleId, "sgr")
CAISSON_ID(NetworkInterfaceId, "eni")
CAISSON_ID(AttachmentId, "eni-attach")
CAISSON_ID(DhcpOptionsId, "dopt")
CAISSON_ID(CidrAssociationId, "vpc-cidr-assoc")

#undef CAISSON_ID

/// A 12-digit account id. "000000000001" is the account `default`.
struct AccountId {
  std::string text;
  auto operator<=>(const AccountId&) const = default;
};

}  // namespace caisson::vpc
