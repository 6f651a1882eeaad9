// Frees what the datapath no longer counts: expired flows of conntrack, and audit records that are long idle.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/result.hh"
#include "netd/kernel/bpf/datapath.hh"

namespace caisson::netd::core {

/// Removes the counts of ports that are not among `present`; their packets, by the reason's name.
Result<std::map<std::string, double>> sweep_drops(const kernel::Datapath& datapath,
                                                  const std::set<std::uint32_t>& present);

/// Gives the quota of each removed flow back to its network interface. One thread at a time.
Status sweep_flows(const kernel::Datapath& datapath);

}  // namespace caisson::netd::core
