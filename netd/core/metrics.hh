// What GET /metrics shows, from values.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "netd/kernel/bpf/datapath.hh"

namespace caisson::netd::core {

/// Packets dropped outside of flows, by the reason's name, over all ports and CPUs.
std::map<std::string, double> drop_counts(const kernel::Datapath& datapath);

/// Packets of flows that `flows` had no room for.
double unrecorded_flows(const kernel::Datapath& datapath);

/// The Prometheus text (exposition format 0.0.4). `slots`: by state. `steps`: by which the kernel differs from the model;
/// `leaked`: those that remove something. NaN: not known.
std::string metrics_text(const std::map<std::string, double>& slots, double steps, double leaked,
                         const std::map<std::string, double>& drops, double unrecorded);

/// The name of an enumerator of caisson_reason, without its prefix.
const char* reason_name(std::uint32_t reason);

}  // namespace caisson::netd::core
