// Frees what the datapath no longer counts: expired flows of conntrack, and audit records that are long idle.
#pragma once

#include "base/result.hh"
#include "netd/kernel/bpf/datapath.hh"

namespace caisson::netd::core {

/// Gives the quota of each removed flow back to its network interface. One thread at a time.
Status sweep_flows(const kernel::Datapath& datapath);

}  // namespace caisson::netd::core
