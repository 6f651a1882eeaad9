// Where control groups are and what is written into them, for cgroup v1 and v2: pure, so that both are tested on any
// machine.
//
// Each microVM has a group of its own in "the parent": a folder that bears the instance's name. v1 has a hierarchy for
// each controller, so a group is several folders there; v2 has one. The daemon is in a group among them, with a weight
// above theirs, and so are its helpers, with a lesser one: who answers a microVM must not wait for another one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hh"

namespace caisson::vmm {

enum class CgroupVersion { kV1, kV2 };

/// The CPUs that short invocations find free of long ones. The daemon stays on the reserved ones; who is capped leaves
/// them. Nothing else keeps a wake-up's wait short: a thread that wakes is put beside one that runs when no CPU is idle,
/// and waits for the next tick there.
struct CpuDivision {
  std::vector<unsigned> all;
  std::vector<unsigned> reserved;  ///< empty: not divided
  std::vector<unsigned> others;    ///< empty: not divided

  bool operator==(const CpuDivision&) const = default;
};

/// The first `reserved` of `cpus`; at least one is left for the others. nullopt: one in sixteen, none of one.
CpuDivision divide_cpus(std::vector<unsigned> cpus, std::optional<unsigned> reserved);

/// What the machine says of its groups.
struct CgroupFacts {
  std::string mountinfo;    ///< /proc/self/mountinfo
  std::string self;         ///< /proc/self/cgroup
  std::string controllers;  ///< v2's root's cgroup.controllers; empty without v2
  bool alone = false;       ///< is our v2 group ours alone? Then it was delegated to us.
  std::string delegated;    ///< v2, alone: our group's cgroup.controllers
  CpuDivision cpus;
  std::string memory_nodes;  ///< v1: our group's cpuset.effective_mems
};

/// A text for a file of a group. Files that a kernel may lack are optional.
struct CgroupWrite {
  std::string file;
  std::string text;
  bool optional = false;

  bool operator==(const CgroupWrite&) const = default;
};

struct CgroupLayout {
  CgroupVersion version = CgroupVersion::kV2;
  struct Hierarchy {
    std::string controller;  ///< v1: "memory", "cpu", "pids" or "cpuset"; v2: empty, all
    std::string parent;      ///< the folder that is to hold the microVMs' groups

    bool operator==(const Hierarchy&) const = default;
  };
  std::vector<Hierarchy> hierarchies;
  /// v2: a group that has processes can't hold groups with limits; so we move here first, and what cleans up after us
  /// stays. Empty: no need.
  std::string leaf;
  std::string daemon;   ///< the daemon's group, in the hierarchy that has the cpu controller
  std::string helpers;  ///< that of processes that work on what callers sent, there
  /// v2: folders whose children shall have the controllers, outermost first; the last is the parent.
  std::vector<std::string> enable_in;
  std::string enabled;  ///< v2: what is written into their cgroup.subtree_control
  CpuDivision cpus;     ///< divided only where the controller cpuset can be had
  std::string memory_nodes;
};

/// The microVMs' groups go beneath our own group where it is ours to divide (v1: always; v2: when it was delegated,
/// as systemd does with Delegate=yes), else beneath the root. v1 is taken where it has memory, cpu and pids; cpuset is
/// used where it is there. Error: "NoCgroups" with the controllers that are missing.
Result<CgroupLayout> find_layout(const CgroupFacts& facts, const std::string& name);

struct CgroupLimits {
  std::uint64_t memory_bytes = 0;
  /// The share when CPUs are short, in thousandths of one CPU: 1000 weighs as much as a process outside.
  std::uint32_t cpu_millis = 1000;
  std::uint32_t pids = 128;
};

/// The limits of one folder. `controller` as in Hierarchy.
std::vector<CgroupWrite> limit_writes(CgroupVersion version, const std::string& controller,
                                      const CgroupLimits& limits);

/// A file that takes part in a CPU cap, and its texts, in the order in which they are written; an empty one is not. The
/// cap is in thousandths of one CPU and holds also when CPUs are idle. Its periods are short, so that one who uses up
/// his time holds nobody up for long; a long quota would be spent at once. When CPUs are short, a capped group steps
/// back altogether (cpu.idle, since Linux 5.15): it runs when the groups beside it, the daemon's among them, leave a
/// CPU, and makes way as soon as one of them wakes. A lesser weight alone would still end its turn first.
struct CpuCap {
  std::string file;
  std::string capped;
  std::string free;

  bool operator==(const CpuCap&) const = default;
};
/// `share` is CgroupLimits::cpu_millis. Empty for a folder without the cpu controller.
std::vector<CpuCap> cpu_cap(CgroupVersion version, const std::string& controller, std::uint32_t share,
                            std::uint32_t cap);

/// What a microVM's group, and before it the parent, is given of CPUs: all. `controller` as in Hierarchy; empty where
/// CPUs are not divided.
std::vector<CgroupWrite> cpu_writes(const CgroupLayout& layout, const std::string& controller);
/// Who is capped leaves the reserved CPUs.
std::vector<CpuCap> cpu_step_aside(const CgroupLayout& layout, const std::string& controller);

/// The weight of the parent: together microVMs count as one busy process on each CPU, and the daemon as one more.
std::vector<CgroupWrite> parent_writes(CgroupVersion version, const std::string& controller, unsigned cpus);

/// The weights of the daemon's group and of the helpers', whose work is a caller's.
std::vector<CgroupWrite> daemon_writes(CgroupVersion version);
std::vector<CgroupWrite> helper_writes(CgroupVersion version);

}  // namespace caisson::vmm
