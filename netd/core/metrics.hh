// What GET /metrics shows, from values.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "netd/kernel/bpf/datapath.hh"

namespace caisson::netd::core {

/// Packets dropped outside of flows, by the reason's name, over all ports and CPUs.
std::map<std::string, double> drop_counts(const kernel::Datapath& datapath);

/// The packets of one value of `drops`, over all CPUs.
double dropped_packets(const std::string& per_cpu);

/// Packets for which `flows` or `drops` had no room.
double unrecorded_flows(const kernel::Datapath& datapath);

/// ARP packets at the ports: neither flows nor drops.
double arp_packets(const kernel::Datapath& datapath);

/// Packets rejected within flows, by the reason's name.
std::map<std::string, double> rejected_counts(const kernel::Datapath& datapath);

struct Metrics {
  std::map<std::string, double> slots;            ///< by state
  std::map<std::string, std::uint64_t> refusals;  ///< of slots, by error
  std::size_t starved = 0;                        ///< interfaces short of ports that get no address
  double steps = 0;                     ///< by which the kernel differs from the model; NaN: not known
  double leaked = 0;                    ///< those of them that remove something
  std::map<std::string, double> drops;  ///< by reason, as the next
  std::map<std::string, double> rejected;
  double unrecorded = 0;
  double arp = 0;
};
/// The Prometheus text (exposition format 0.0.4).
std::string metrics_text(const Metrics& metrics);

/// The name of an enumerator of caisson_reason, without its prefix.
const char* reason_name(std::uint32_t reason);

}  // namespace caisson::netd::core
