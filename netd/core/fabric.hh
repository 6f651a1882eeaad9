// The kernel's side of an instance: its fabric namespace, what it always holds, and the execution of plans.
//
// The order everywhere: make down, attach programs, fill maps, bring up; a port that no map speaks of drops all.
#pragma once

#include <array>
#include <set>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/ipv4.hh"
#include "base/result.hh"
#include "netd/core/service_sockets.hh"
#include "netd/kernel/bpf/datapath.hh"
#include "netd/kernel/netlink/filters.hh"
#include "netd/kernel/netlink/links.hh"
#include "netd/kernel/netlink/watch.hh"
#include "netd/kernel/nft/ruleset.hh"
#include "netd/reconcile/strays.hh"

namespace caisson::netd::core {

struct FabricOptions {
  std::string instance;  ///< "" for the default one
  std::uint32_t slots = 16;
  Ipv4Address host_address{0x64400001};            ///< 100.64.0.1, the host's end of the uplink
  Ipv4Address fabric_address{0x64400002};          ///< its other end, in the same /30
  std::vector<kernel::OpenService> services = {};  ///< whose addresses are the fabric's own
};

/// What reads the kernel. Its sockets are one thread's: who looks beside the writer has Eyes of its own.
struct Eyes {
  kernel::Links host_links;
  kernel::Links links;
  kernel::Nft host_nft;
  kernel::Nft nft;
  kernel::Filters filters;
};

/// One thread at a time, but for datapath()'s map calls, open_slot() and what is const.
class Fabric {
 public:
  /// Makes what is missing: namespace, settings, exit, uplink, nft tables, taps; loads and attaches the programs.
  static Result<Fabric> open(const FabricOptions& options);

  /// At the start: libnftables ends the process if it can open no socket.
  [[nodiscard]] Result<Eyes> open_eyes() const;
  Result<reconcile::ObservedState> observe(Eyes& eyes) const;
  /// Its part without the maps.
  Result<reconcile::ObservedState> observe_links(Eyes& eyes) const;
  /// Looks at one link of ours and corrects what `observed` says of it.
  Status look(const std::string& name, reconcile::ObservedState& observed);
  /// What is not as open() made it: links, programs, addresses, nft tables, pins.
  Result<reconcile::Amiss> amiss(Eyes& eyes) const;
  /// What bears our names beside what every instance has: nft tables and network namespaces.
  Result<reconcile::ObservedStrays> strays(Eyes& eyes) const;
  Status execute(const reconcile::Operation& operation);

  /// Notifications of changes to what observe() and amiss() look at, and to the host's addresses.
  [[nodiscard]] Result<kernel::Watch> watch() const;
  /// Interface indexes of all links of the fabric.
  static Result<std::set<std::uint32_t>> link_indexes(Eyes& eyes);
  /// Entries of `slots` and `blocks` that an interrupted attach or a tap that is gone has left. While a slot is
  /// being attached its entry can be among them.
  [[nodiscard]] Result<reconcile::Plan> interrupted_attaches() const;

  [[nodiscard]] const kernel::Datapath& datapath() const { return datapath_; }
  [[nodiscard]] std::string name() const;
  /// Interface indexes of the taps, by slot.
  [[nodiscard]] const std::vector<std::uint32_t>& taps() const { return taps_; }
  /// The tap's queue. Error EBUSY: a process holds it still.
  [[nodiscard]] Result<Fd> open_slot(std::uint32_t slot) const;

  /// For endpointd.
  [[nodiscard]] const std::vector<ServiceSocket>& service_sockets() const { return service_sockets_; }

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
  Status make_table(kernel::Nft& nft, const kernel::Nft::TableName& table, const std::string& ruleset,
                    std::string& listing);
  Status make_exit();
  Status make_resolver();
  Status make_services();
  Status make_uplink_veth();
  Status make_uplink();
  Status make_host_table();
  Status make_taps();
  Status make_tap(std::uint32_t slot);
  Status make_tap_inside(std::uint32_t slot, const kernel::Link* found);
  Status remove_surplus_taps();
  Status find_unrouted(Eyes& eyes, const std::map<std::string, kernel::Link>& links,
                       const std::map<std::string, kernel::Link>& outer, reconcile::Amiss& amiss) const;
  Status find_detached(Eyes& eyes, const std::map<std::string, kernel::Link>& links,
                       reconcile::Amiss& amiss) const;
  Status find_changed_tables(Eyes& eyes, reconcile::Amiss& amiss) const;
  Result<std::vector<reconcile::ObservedNetns>> namespaces(const std::vector<std::string>& instances) const;
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
  std::vector<ServiceSocket> service_sockets_;
  /// The nft tables, as they are listed when they are whole: written once, since a table is made anew as it was.
  std::string fabric_table_;
  std::string host_table_;
};

/// Of the links that every instance has.
inline constexpr const char* kUplink = "uplink";
inline constexpr const char* kExit = "exit0";
inline constexpr const char* kExitPeer = "exit1";
/// Of the route to the exit: all identity addresses.
Ipv4Cidr identities();
/// Where the resolver is in the fabric's stack.
std::array<Ipv4Address, 2> resolver_addresses();
/// The uplink's end on the host.
std::string host_veth(const std::string& instance);
bool is_tap_name(const std::string& name);

/// Made by a netd: by its group since it was made, by its alias since it was finished.
bool is_ours(const kernel::Link& link);

/// What stands in the way of a link of ours, and what to do.
Error not_ours(const std::string& name, const std::string& netns);

MacAddress gateway_mac();

/// "cs" and four hexadecimal digits.
std::string tap_name(std::uint32_t slot);

}  // namespace caisson::netd::core
