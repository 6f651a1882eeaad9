// IpPermissions: how EC2 writes the rules of a security group.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "netd/api/operations.hh"

namespace caisson::netd::api {

/// The shape of IpPermissions.
Shape ip_permissions_shape();

/// One entry per range or group of IpPermissions, and one for the short form (IpProtocol, FromPort, ToPort,
/// CidrIp). Errors: InvalidPermission.Malformed, InvalidParameterValue, InvalidParameterCombination (both
/// forms).
Result<std::vector<vpc::AuthorizeSecurityGroup::Entry>> permissions(const Json& parameters, bool egress);

/// The group's rules of one direction as IpPermissions: one per protocol and ports.
Json ip_permissions(const vpc::State& state, const vpc::SecurityGroupId& group, bool egress);

/// "tcp", "udp", "icmp", "-1" or the number.
std::string protocol_text(int protocol);

}  // namespace caisson::netd::api
