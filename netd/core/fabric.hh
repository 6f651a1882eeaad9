// The kernel's side of an instance: its fabric namespace, what it always holds, and the execution of plans.
//
// The order everywhere: make down, attach programs, fill maps, bring up; a port that no map speaks of drops all.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/ipv4.hh"
#include "base/result.hh"
#include "netd/kernel/bpf/datapath.hh"
#include "netd/kernel/netlink/links.hh"
#include "netd/reconcile/plan.hh"

namespace caisson::netd::core {

struct FabricOptions {
  std::string instance;  ///< "" for the default one
  std::uint32_t slots = 16;
  Ipv4Address host_address{0x64400001};    ///< 100.64.0.1, the host's end of the uplink
  Ipv4Address fabric_address{0x64400002};  ///< its other end, in the same /30
};

/// "caisson" or "caisson-INSTANCE".
std::string instance_name(const std::string& instance);

/// One thread at a time, but for datapath()'s map calls and open_slot().
class Fabric {
 public:
  /// Makes what is missing: namespace, settings, exit, uplink, nft tables, taps; loads and attaches the programs.
  static Result<Fabric> open(const FabricOptions& options);

  Result<reconcile::ObservedState> observe();
  Status execute(const reconcile::Operation& operation);

  [[nodiscard]] const kernel::Datapath& datapath() const { return datapath_; }
  /// Interface indexes of the taps, by slot.
  [[nodiscard]] const std::vector<std::uint32_t>& taps() const { return taps_; }
  /// The tap's queue. Error EBUSY: a process holds it still.
  [[nodiscard]] Result<Fd> open_slot(std::uint32_t slot) const;

  /// Addresses that no exit leads to: the reserved ones and the host's.
  Result<std::vector<Ipv4Cidr>> forbidden_exits() const;

 private:
  Fabric(FabricOptions options, Fd host, Fd netns, kernel::Links host_links, kernel::Links links,
         kernel::Datapath datapath);
  Status attach(kernel::Hook hook, std::uint32_t index, const std::string& name);
  Status make_exit();
  Status make_uplink();
  Status make_taps();
  Status remove_surplus_taps();
  Status reattach_members();
  Status make_member(const reconcile::MakeMember& made);
  Status open_member(const reconcile::OpenMember& opened);

  FabricOptions options_;
  Fd host_;
  Fd netns_;
  kernel::Links host_links_;
  kernel::Links links_;
  kernel::Datapath datapath_;
  std::vector<std::uint32_t> taps_;
};

/// "cs" and four hexadecimal digits.
std::string tap_name(std::uint32_t slot);

}  // namespace caisson::netd::core
