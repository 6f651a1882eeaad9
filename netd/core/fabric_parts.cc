// What every instance has, whatever its model is: made at the start, looked at and repaired afterwards. Each make_...()
// does what is left to do, so that it serves an interrupted start and a damaged part as well.
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <set>

#include "base/bytes.hh"
#include "base/instance.hh"
#include "netd/bpf/caisson_abi.h"
#include "netd/core/fabric.hh"
#include "netd/kernel/netlink/tap.hh"
#include "netd/kernel/netns.hh"
#include "netd/kernel/nft/ruleset.hh"

namespace caisson::netd::core {
namespace {

const kernel::Nft::TableName kFabricTable{"ip", "caisson"};
constexpr int kUplinkPrefix = 30;

}  // namespace

std::string tap_name(std::uint32_t slot) {
  std::array<char, 16> name{};
  (void)std::snprintf(name.data(), name.size(), "cs%04x", slot);
  return name.data();
}

bool Fabric::is_part(const std::string& name) const {
  if (name == kExit || name == kExitPeer || name == kUplink) return true;
  return is_tap_name(name) && std::stoul(name.substr(2), nullptr, 16) < options_.slots;
}

Status Fabric::make_parts() {
  TRYV(make_table(nft_, kFabricTable, kernel::fabric_ruleset(kUplink, options_.services), fabric_table_));
  TRYV(make_exit());
  TRYV(make_resolver());
  TRYV(make_services());
  TRYV(make_uplink());
  TRYV(make_taps());
  return remove_surplus_taps();
}

/// The table as the kernel lists it then is what amiss() compares with.
Status Fabric::make_table(kernel::Nft& nft, const kernel::Nft::TableName& table, const std::string& ruleset,
                          std::string& listing) {
  TRY(const auto before, nft.list_table(table));
  if (!before.empty() && before.find(kernel::kTableMark) == std::string::npos) {
    return Error{.code = "EEXIST",
                 .message = "the nft table ip " + table.name +
                            " is not ours; remove it (nft delete table ip " + table.name +
                            "), or choose another --instance",
                 .errno_value = EEXIST};
  }
  TRYV(nft.run(ruleset));
  if (listing.empty()) {
    TRY(listing, nft.list_table(table));
  }
  return ok();
}

Status Fabric::make_exit() {
  auto found = links_.find(kExit);
  if (found && !is_ours(found.value())) return not_ours(kExit, instance_name(options_.instance));
  if (!found) {
    TRYV(links_.make_veth(kExit, kExitPeer, gateway_mac(), netns_));
    TRY(found, links_.find(kExit));
  }
  for (const char* end : {kExit, kExitPeer}) {
    TRYV(links_.set_alias(end, reconcile::alias_of("exit")));
  }
  TRYV(attach(kernel::Hook::kExit, found.value().index, kExit));
  TRYV(links_.set_arp_off(kExit));
  TRYV(links_.set_up(kExit));
  TRYV(links_.set_up(kExitPeer));
  return links_.add_route(identities(), kExit, nullptr);
}

std::array<Ipv4Address, 2> resolver_addresses() {
  constexpr std::array<std::uint8_t, 4> fixed = CAISSON_RESOLVER;
  constexpr std::array<std::uint8_t, 4> of_vpc = CAISSON_RESOLVER_OF_VPC;
  const auto number = [](const std::array<std::uint8_t, 4>& bytes) {
    return Ipv4Address{std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
                       std::uint32_t{bytes[2]} << 8 | bytes[3]};
  };
  return {number(fixed), number(of_vpc)};
}

/// Routes and not addresses of a device: the stack would take one of these for the source of its own errors.
Status Fabric::make_resolver() {
  for (const auto address : resolver_addresses()) {
    TRYV(links_.add_local(Ipv4Cidr(address, 32)));
  }
  if (!service_sockets_.empty()) return ok();
  return kernel::in_netns(netns_, [&]() -> Status {
    // netd has no capability for it; in the fabric nobody else opens any.
    TRYV(kernel::set_sysctl("ipv4/ip_unprivileged_port_start", "0"));
    TRY(service_sockets_, open_service_sockets());
    return ok();
  });
}

/// Routes and not addresses of a device: a prefix list has thousands.
Status Fabric::make_services() {
  for (const auto& service : options_.services) {
    for (const auto& cidr : service.cidrs) {
      TRYV(links_.add_local(cidr));
    }
  }
  return ok();
}

/// The two ends of the uplink, and what of it is not as it should be.
Status Fabric::make_uplink_veth() {
  const std::string veth = host_veth(options_.instance);
  const auto outer = host_links_.find(veth);
  const auto inner = links_.find(kUplink);
  if (outer && !is_ours(outer.value())) return not_ours(veth, "that netd was started in");
  MacAddress mac = gateway_mac();
  mac.bytes[5] = 0x03;
  if (inner && !is_ours(inner.value()) && inner.value().mac != mac)
    return not_ours(kUplink, instance_name(options_.instance));
  if (!outer || !inner) {
    TRYV(host_links_.remove(veth));  // of a fabric that is gone
    TRYV(links_.remove(kUplink));
    TRYV(host_links_.make_veth(veth, kUplink, mac, netns_));
  }
  TRYV(host_links_.set_alias(veth, reconcile::alias_of("uplink")));
  return links_.set_alias(kUplink, reconcile::alias_of("uplink"));
}

Status Fabric::make_uplink() {
  const std::string veth = host_veth(options_.instance);
  TRYV(make_uplink_veth());
  TRY(const auto index, links_.index_of(kUplink));
  TRYV(attach(kernel::Hook::kUplink, index, kUplink));
  TRYV(kernel::in_netns(netns_, [] { return kernel::set_sysctl("ipv4/conf/uplink/rp_filter", "1"); }));
  TRYV(make_host_table());
  TRYV(kernel::in_netns(host_, [] { return kernel::set_sysctl("ipv4/ip_forward", "1"); }));
  TRYV(host_links_.add_address(veth, options_.host_address, kUplinkPrefix));
  TRYV(links_.add_address(kUplink, options_.fabric_address, kUplinkPrefix));
  TRYV(host_links_.set_up(veth));
  TRYV(links_.set_up(kUplink));
  return links_.add_route(Ipv4Cidr({0}, 0), kUplink, &options_.host_address);
}

Status Fabric::make_host_table() {
  const Ipv4Cidr network(options_.host_address, kUplinkPrefix);
  const std::string table = reconcile::host_table_of(name());
  return make_table(host_nft_, {"ip", table},
                    kernel::host_ruleset(table, host_veth(options_.instance), network.text()), host_table_);
}

Result<Fd> Fabric::open_slot(std::uint32_t slot) const {
  Result<Fd> tap = Error{};
  TRYV(kernel::in_netns(netns_, [&]() -> Status {
    // One that was deleted comes back with the index that the maps and the slots know.
    tap = kernel::open_tap(tap_name(slot), taps_[slot]);
    return ok();
  }));
  return tap;
}

/// There are thousands: one thread enters the namespace for all of them, and one look finds those that are there.
Status Fabric::make_taps() {
  taps_.assign(options_.slots, 0);
  TRY(const auto links, links_.list());
  return kernel::in_netns(netns_, [&]() -> Status {
    for (std::uint32_t slot = 0; slot < options_.slots; ++slot) {
      const auto found = links.find(tap_name(slot));
      TRYV(make_tap_inside(slot, found == links.end() ? nullptr : &found->second));
    }
    return ok();
  });
}

Status Fabric::make_tap(std::uint32_t slot) {
  const auto found = links_.find(tap_name(slot));
  return kernel::in_netns(netns_, [&] { return make_tap_inside(slot, found ? &found.value() : nullptr); });
}

/// In the fabric's namespace. `found`: the link of that name, if there is one.
Status Fabric::make_tap_inside(std::uint32_t slot, const kernel::Link* found) {
  const std::string name = tap_name(slot);
  if (found != nullptr && found->kind != "tun") return not_ours(name, instance_name(options_.instance));
  std::uint32_t index = found == nullptr ? 0 : found->index;
  if (found == nullptr) {
    // One that was deleted comes back with the index that the maps and the slots know.
    TRY(const Fd made, kernel::open_tap(name, taps_[slot]));
    index = ::if_nametoindex(name.c_str());
    if (index == 0) return Error::system(errno, "find link", name);
  }
  TRYV(datapath_.attach(kernel::Hook::kPort, index, name));
  TRYV(links_.finish(index, name, reconcile::alias_of("slot-" + std::to_string(slot))));
  // The slots read it on other threads: it is written once, since a tap keeps its index.
  if (taps_[slot] == 0) taps_[slot] = index;
  return ok();
}

/// Of an earlier start with more slots. A tap goes with its last holder: a microVM on it loses its network.
Status Fabric::remove_surplus_taps() {
  TRY(const auto links, links_.list());
  for (const auto& [name, link] : links) {
    if (link.kind != "tun" || !is_tap_name(name) || is_part(name)) continue;
    TRYV(links_.remove(name));
    TRYV(datapath_.erase("slots", bytes_of(link.index)));
  }
  return ok();
}

Status Fabric::repair(const std::string& part) {
  if (part == "exit") return make_exit();
  if (part == "resolver") return make_resolver();
  if (part == "services") return make_services();
  if (part == "uplink") return make_uplink();
  if (part == "table-host") return make_host_table();
  if (part == "table-fabric") {
    return make_table(nft_, kFabricTable, kernel::fabric_ruleset(kUplink, options_.services), fabric_table_);
  }
  const std::string object = part.substr(part.find('-') + 1);
  if (part.starts_with("slot-")) return make_tap(static_cast<std::uint32_t>(std::stoul(object)));
  if (part.starts_with("pin-")) return datapath_.pin(object);
  TRY(const auto index, links_.index_of(object));
  return attach(kernel::Hook::kPort, index, object);
}

}  // namespace caisson::netd::core
