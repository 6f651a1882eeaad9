// The datapath's maps as values: bytes to bytes, as they stand in the kernel.
//
// This is the one place where the model's values become the structs of caisson_abi.h. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "vpc/compile/desired_state.hh"

namespace caisson::netd::reconcile {

/// A map's content; key and value are the bytes of the ABI's structs.
using Table = std::map<std::string, std::string>;
/// By the map's name. Those that the model determines: see table_names().
using Tables = std::map<std::string, Table>;

/// Interface indexes in the fabric, by name.
using Indexes = std::map<std::string, std::uint32_t>;

/// The maps that the model determines, in the order in which they are filled: what refers to others comes after them.
const std::vector<std::string>& table_names();

/// What the maps should hold. A VPC whose classes and rules in `observed` are as desired keeps its generation;
/// another one gets the next, so that all of the new is there before the one word in `vpcs` is changed.
/// `forbidden`: addresses that no exit leads to. A device that `indexes` lacks has index 0.
Tables desired_tables(const vpc::DesiredState& desired, const Indexes& indexes, const Tables& observed,
                      const std::vector<Ipv4Cidr>& forbidden);

/// Which generation of each VPC's policy is in force, by the VPC's number.
using Generations = std::map<std::uint32_t, std::uint32_t>;
Generations generations_of(const Tables& tables);

/// What the maps hold after desired_tables() of these was written, in which the VPCs had these generations; without
/// what has no VPC.
Tables written_tables(const vpc::DesiredState& desired, const Indexes& indexes,
                      const Generations& generations);

/// For messages: a key of `table` as text.
std::string describe_key(const std::string& table, const std::string& key);

}  // namespace caisson::netd::reconcile
