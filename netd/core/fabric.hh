// The kernel's side of an instance: its fabric namespace, what it always holds, and the execution of plans.
//
// The order everywhere: make down, attach programs, fill maps, bring up; a port that no map speaks of drops all.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/ipv4.hh"
#include "base/result.hh"
#include "netd/kernel/bpf/datapath.hh"
#include "netd/kernel/netlink/links.hh"
#include "netd/kernel/netlink/watch.hh"
#include "netd/kernel/nft/ruleset.hh"
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
  /// Its part without the maps.
  Result<reconcile::ObservedState> observe_links();
  /// Looks at one link of ours and corrects what `observed` says of it.
  Status look(const std::string& name, reconcile::ObservedState& observed);
  /// What is not as open() made it: links, programs, addresses, nft tables, pins.
  Result<reconcile::Amiss> amiss();
  Status execute(const reconcile::Operation& operation);

  /// Notifications of changes to what observe() and amiss() look at, and to the host's addresses.
  [[nodiscard]] Result<kernel::Watch> watch() const;
  /// Interface indexes of all links of the fabric.
  Result<std::set<std::uint32_t>> link_indexes();
  /// Entries of `slots` and `blocks` that an interrupted attach or a tap that is gone has left. While a slot is
  /// being attached its entry can be among them.
  Result<reconcile::Plan> interrupted_attaches();

  [[nodiscard]] const kernel::Datapath& datapath() const { return datapath_; }
  /// Interface indexes of the taps, by slot.
  [[nodiscard]] const std::vector<std::uint32_t>& taps() const { return taps_; }
  /// The tap's queue. Error EBUSY: a process holds it still.
  [[nodiscard]] Result<Fd> open_slot(std::uint32_t slot) const;

  /// Is this open network namespace the fabric's own?
  [[nodiscard]] bool is_netns(const Fd& netns) const;

  /// Addresses that no exit leads to: the reserved ones and the host's.
  Result<std::vector<Ipv4Cidr>> forbidden_exits() const;

 private:
  Fabric(FabricOptions options, Fd host, Fd netns, kernel::Links host_links, kernel::Links links,
         kernel::Nft host_nft, kernel::Nft nft, kernel::Datapath datapath);
  Status attach(kernel::Hook hook, std::uint32_t index, const std::string& name);
  [[nodiscard]] bool is_part(const std::string& name) const;
  void add_link(const std::string& name, const kernel::Link& link, reconcile::ObservedState& observed) const;
  Status make_parts();
  Status make_table(kernel::Nft& nft, const std::string& name, const std::string& ruleset,
                    std::string& listing);
  Status make_exit();
  Status make_uplink_veth();
  Status make_uplink();
  Status make_host_table();
  Status make_taps();
  Status make_tap(std::uint32_t slot);
  Status make_tap_inside(std::uint32_t slot, const kernel::Link* found);
  Status remove_surplus_taps();
  Status find_unrouted(const std::map<std::string, kernel::Link>& links,
                       const std::map<std::string, kernel::Link>& outer, reconcile::Amiss& amiss);
  Status find_detached(const std::map<std::string, kernel::Link>& links, reconcile::Amiss& amiss);
  Status repair(const std::string& part);
  Status reattach_members();
  Status make_bridge(const reconcile::MakeBridge& made);
  Result<std::uint32_t> make_port(const reconcile::MakeMember& made, const Fd& netns, kernel::Links& inside);
  Status make_member(const reconcile::MakeMember& made);
  Status open_member(const reconcile::OpenMember& opened);

  FabricOptions options_;
  Fd lock_;
  Fd host_;
  Fd netns_;
  kernel::Links host_links_;
  kernel::Links links_;
  kernel::Nft host_nft_;
  kernel::Nft nft_;
  kernel::Datapath datapath_;
  std::vector<std::uint32_t> taps_;
  std::string fabric_table_;  ///< the nft tables, as they are listed when they are whole
  std::string host_table_;
};

/// Made by a netd: by its group since it was made, by its alias since it was finished.
bool is_ours(const kernel::Link& link);

/// What stands in the way of a link of ours, and what to do.
Error not_ours(const std::string& name, const std::string& netns);

MacAddress gateway_mac();

/// "cs" and four hexadecimal digits.
std::string tap_name(std::uint32_t slot);

}  // namespace caisson::netd::core
