#include "netd/core/fabric.hh"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/bytes.hh"
#include "netd/bpf/caisson_abi.h"
#include "netd/kernel/netlink/tap.hh"
#include "netd/kernel/netns.hh"
#include "netd/kernel/nft/ruleset.hh"
#include "vpc/compile/compile.hh"

namespace caisson::netd::core {
namespace {

constexpr const char* kUplink = "uplink";
constexpr const char* kExit = "exit0";
constexpr const char* kExitPeer = "exit1";
constexpr int kUplinkPrefix = 30;

MacAddress gateway_mac() {
  return {.bytes = CAISSON_GATEWAY_MAC};
}

/// What is open in a new namespace and must not be in this one; some are there only with a module.
Status close_defaults() {
  TRYV(kernel::set_sysctl("ipv4/ip_forward", "1"));
  for (const char* scope : {"all", "default"}) {
    const std::string ipv4 = std::string("ipv4/conf/") + scope + "/";
    // The source check refuses devices without an address, as the bridges are; the programs check sources.
    TRYV(kernel::set_sysctl(ipv4 + "rp_filter", "0"));
    TRYV(kernel::set_sysctl(ipv4 + "arp_ignore", "2"));
    TRYV(kernel::set_sysctl(ipv4 + "send_redirects", "0"));
    TRYV(kernel::set_sysctl(ipv4 + "accept_redirects", "0"));
    (void)kernel::set_sysctl(std::string("ipv6/conf/") + scope + "/disable_ipv6", "1");
  }
  for (const char* family : {"iptables", "ip6tables", "arptables"}) {
    (void)kernel::set_sysctl(std::string("bridge/bridge-nf-call-") + family, "0");
  }
  return ok();
}

std::string host_veth(const std::string& instance) {
  return "cu-" + (instance.empty() ? "caisson" : instance);
}

std::string host_table(const std::string& instance) {
  return instance.empty() ? "caisson" : "caisson_" + instance;
}

}  // namespace

std::string instance_name(const std::string& instance) {
  return instance.empty() ? "caisson" : "caisson-" + instance;
}

std::string tap_name(std::uint32_t slot) {
  std::array<char, 16> name{};
  (void)std::snprintf(name.data(), name.size(), "cs%04x", slot);
  return name.data();
}

Fabric::Fabric(FabricOptions options, Fd host, Fd netns, kernel::Links host_links, kernel::Links links,
               kernel::Datapath datapath)
    : options_(std::move(options)),
      host_(std::move(host)),
      netns_(std::move(netns)),
      host_links_(std::move(host_links)),
      links_(std::move(links)),
      datapath_(std::move(datapath)) {}

Result<Fabric> Fabric::open(const FabricOptions& options) {
  const std::string name = instance_name(options.instance);
  TRY(Fd host, kernel::current_netns());
  TRYV(kernel::ensure_netns(name));
  TRY(Fd netns, kernel::open_netns(name));
  TRYV(kernel::in_netns(netns, close_defaults));
  TRY(kernel::Links host_links, kernel::Links::open());
  TRY(kernel::Links links, kernel::Links::open_in(netns));
  TRY(kernel::Datapath datapath, kernel::Datapath::load("/sys/fs/bpf/" + name));
  Fabric fabric(options, std::move(host), std::move(netns), std::move(host_links), std::move(links),
                std::move(datapath));
  TRYV(fabric.links_.set_up("lo"));
  TRYV(kernel::run_nft(fabric.netns_, kernel::fabric_ruleset(kUplink)));
  TRYV(fabric.make_exit());
  TRYV(fabric.make_uplink());
  TRYV(fabric.make_taps());
  TRYV(fabric.reattach_members());
  return fabric;
}

Status Fabric::attach(kernel::Hook hook, std::uint32_t index, const std::string& name) {
  return kernel::in_netns(netns_, [&] { return datapath_.attach(hook, index, name); });
}

Status Fabric::make_exit() {
  auto index = links_.index_of(kExit);
  if (!index) {
    TRYV(links_.make_veth(kExit, reconcile::alias_of("exit"), kExitPeer, gateway_mac(), netns_));
    TRY(index, links_.index_of(kExit));
  }
  TRYV(attach(kernel::Hook::kExit, index.value(), kExit));
  TRYV(links_.set_arp_off(kExit));
  TRYV(links_.set_up(kExit));
  TRYV(links_.set_up(kExitPeer));
  return links_.add_route(Ipv4Cidr({CAISSON_IDENTITY_PREFIX}, 4), kExit, nullptr);
}

Status Fabric::make_uplink() {
  const std::string veth = host_veth(options_.instance);
  auto index = links_.index_of(kUplink);
  if (!index) {
    TRYV(host_links_.remove(veth));  // of a fabric that is gone
    MacAddress mac = gateway_mac();
    mac.bytes[5] = 0x03;
    TRYV(host_links_.make_veth(veth, reconcile::alias_of("uplink"), kUplink, mac, netns_));
    TRY(index, links_.index_of(kUplink));
    TRYV(links_.set_alias(kUplink, reconcile::alias_of("uplink")));
  }
  TRYV(attach(kernel::Hook::kUplink, index.value(), kUplink));
  TRYV(kernel::in_netns(netns_, [] { return kernel::set_sysctl("ipv4/conf/uplink/rp_filter", "1"); }));
  const Ipv4Cidr network(options_.host_address, kUplinkPrefix);
  TRYV(kernel::run_nft(host_, kernel::host_ruleset(host_table(options_.instance), veth, network.text())));
  TRYV(kernel::in_netns(host_, [] { return kernel::set_sysctl("ipv4/ip_forward", "1"); }));
  TRYV(host_links_.add_address(veth, options_.host_address, kUplinkPrefix));
  TRYV(links_.add_address(kUplink, options_.fabric_address, kUplinkPrefix));
  TRYV(host_links_.set_up(veth));
  TRYV(links_.set_up(kUplink));
  return links_.add_route(Ipv4Cidr({0}, 0), kUplink, &options_.host_address);
}

Status Fabric::make_taps() {
  for (std::uint32_t slot = 0; slot < options_.slots; ++slot) {
    const std::string name = tap_name(slot);
    auto index = links_.index_of(name);
    if (!index) {
      TRY(const Fd made, open_slot(slot));
      TRY(index, links_.index_of(name));
      TRYV(links_.set_alias(name, reconcile::alias_of("slot-" + std::to_string(slot))));
    }
    TRYV(attach(kernel::Hook::kPort, index.value(), name));
    TRYV(links_.set_up(name));
    taps_.push_back(index.value());
  }
  return remove_surplus_taps();
}

/// Of an earlier start with more slots. A tap goes with its last holder: a microVM on it loses its network.
Status Fabric::remove_surplus_taps() {
  TRY(const auto links, links_.list());
  for (const auto& [name, link] : links) {
    const bool ours = link.kind == "tun" && link.alias.starts_with(reconcile::alias_of("slot-"));
    if (!ours || std::find(taps_.begin(), taps_.end(), link.index) != taps_.end()) continue;
    TRYV(links_.remove(name));
    TRYV(datapath_.erase("slots", bytes_of(link.index)));
  }
  return ok();
}

Status Fabric::reattach_members() {
  TRY(const auto observed, observe());
  for (const auto& [name, port] : observed.members) {
    TRYV(attach(kernel::Hook::kPort, port.index, name));
  }
  return ok();
}

Result<Fd> Fabric::open_slot(std::uint32_t slot) const {
  Result<Fd> tap = Error{};
  TRYV(kernel::in_netns(netns_, [&]() -> Status {
    tap = kernel::open_tap(tap_name(slot));
    return ok();
  }));
  return tap;
}

Result<reconcile::ObservedState> Fabric::observe() {
  reconcile::ObservedState observed;
  TRY(const auto links, links_.list());
  for (const auto& [name, link] : links) {
    if (!link.alias.starts_with(reconcile::alias_of(""))) continue;
    if (link.kind == "bridge") observed.bridges[name] = {link.alias, link.index, link.up};
    if (link.kind == "veth" && name.starts_with("cm")) {
      observed.members[name] = {link.alias, link.index, link.master, link.up};
    }
  }
  for (const auto& name : reconcile::table_names()) {
    TRY(observed.tables[name], datapath_.dump(name));
  }
  return observed;
}

Status Fabric::make_member(const reconcile::MakeMember& made) {
  const std::string device = vpc::member_device_name(made.member.device_index);
  TRY(const Fd netns, kernel::open_netns(made.member.netns));
  TRYV(links_.make_veth(made.port, made.alias, device, made.member.mac, netns));
  TRY(const auto index, links_.index_of(made.port));
  TRYV(attach(kernel::Hook::kPort, index, made.port));
  TRYV(links_.enslave(made.port, made.member.bridge));
  TRY(kernel::Links inside, kernel::Links::open_in(netns));
  TRYV(inside.set_up("lo"));
  TRYV(inside.add_address(device, made.member.address, made.member.prefix_length));
  TRYV(inside.set_up(device));
  if (made.member.device_index != 0) return ok();
  return inside.add_route(Ipv4Cidr({0}, 0), device, &made.member.router);
}

Status Fabric::open_member(const reconcile::OpenMember& opened) {
  return links_.set_up(opened.port);
}

Status Fabric::execute(const reconcile::Operation& operation) {
  if (const auto* bridge = std::get_if<reconcile::MakeBridge>(&operation.what)) {
    TRYV(links_.make_bridge(bridge->name, gateway_mac(), bridge->alias));
    return links_.set_up(bridge->name);
  }
  if (const auto* made = std::get_if<reconcile::MakeMember>(&operation.what)) return make_member(*made);
  if (const auto* opened = std::get_if<reconcile::OpenMember>(&operation.what)) return open_member(*opened);
  if (const auto* deleted = std::get_if<reconcile::DeleteLink>(&operation.what))
    return links_.remove(deleted->name);
  if (const auto* put = std::get_if<reconcile::PutEntry>(&operation.what)) {
    return datapath_.put(put->table, put->key, put->value);
  }
  const auto& erased = std::get<reconcile::DeleteEntry>(operation.what);
  return datapath_.erase(erased.table, erased.key);
}

Result<std::vector<Ipv4Cidr>> Fabric::forbidden_exits() const {
  std::vector<Ipv4Cidr> forbidden;
  // RFC 1918 and 6598, "this network", loopback, link-local, multicast, reserved.
  for (const char* text : {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                           "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4"}) {
    forbidden.push_back(*Ipv4Cidr::parse(text));
  }
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return Error::system(errno, "list", "the host's addresses");
  for (const ifaddrs* item = list; item != nullptr; item = item->ifa_next) {
    if (item->ifa_addr == nullptr || item->ifa_addr->sa_family != AF_INET) continue;
    sockaddr_in address{};
    std::memcpy(&address, item->ifa_addr, sizeof address);
    forbidden.emplace_back(Ipv4Address{ntohl(address.sin_addr.s_addr)}, 32);
  }
  ::freeifaddrs(list);
  return forbidden;
}

}  // namespace caisson::netd::core
