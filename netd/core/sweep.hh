// Frees what the datapath no longer counts: expired flows of conntrack, and audit records that are long idle.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/result.hh"
#include "netd/kernel/bpf/datapath.hh"

namespace caisson::netd::core {

/// Removes the counts of ports that are gone; their packets, by the reason's name. `ports` says which there are; it is
/// called after the counts were read, so that one that is made meanwhile is not taken for gone.
using Ports = std::function<Result<std::set<std::uint32_t>>()>;
Result<std::map<std::string, double>> sweep_drops(const kernel::Datapath& datapath, const Ports& ports);

/// Goes through the large maps again and again, a part in each step, so that a step's cost is bounded. Beside other
/// threads that use the datapath; itself one thread's.
class Sweep {
 public:
  explicit Sweep(const kernel::Datapath& datapath) : datapath_(datapath) {}
  /// Gives the quota of each removed flow back to its network interface.
  Status step();

 private:
  const kernel::Datapath& datapath_;
  kernel::Datapath::Cursor tracked_;
  kernel::Datapath::Cursor records_;
};

}  // namespace caisson::netd::core
