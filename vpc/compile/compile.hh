// From the model to what the kernel should hold. Pure; depends on neither order nor time.
#pragma once

#include <set>

#include "vpc/compile/desired_state.hh"
#include "vpc/model/state.hh"

namespace caisson::vpc {

DesiredState compile(const State& state);

/// The part of it that these VPCs determine; one that the state does not have adds nothing. A command changes no other
/// part than that of the VPCs that it touched (Applied::touched), and no part depends on another VPC.
DesiredState compile(const State& state, const std::set<VpcId>& vpcs);

/// The name of a subnet's bridge, and of a member's port.
std::string bridge_name(const SubnetId& subnet);
std::string member_port_name(std::uint32_t number);

/// The name of a member's device inside its namespace.
std::string member_device_name(int device_index);

/// The numbers of the sets of groups that the VPC's network interfaces have. A set's number depends on its groups
/// alone (but where two sets collide), so that it stays the same while others come and go.
std::map<std::vector<SecurityGroupId>, std::uint32_t> group_set_numbers(const State& state, const VpcId& vpc);

/// The security groups of one VPC. Where several rules admit, the one with the lowest id is said to decide.
DesiredPolicy compile_security_groups(const State& state, const VpcId& vpc,
                                      const std::map<std::vector<SecurityGroupId>, std::uint32_t>& sets);

}  // namespace caisson::vpc
