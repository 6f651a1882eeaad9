#include "netd/core/fabric.hh"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/instance.hh"
#include "base/lock.hh"
#include "netd/bpf/caisson_abi.h"
#include "netd/kernel/netns.hh"
#include "vpc/compile/compile.hh"

namespace caisson::netd::core {
namespace {

/// What is open in a new namespace and must not be in this one; some are there only with a module.
Status close_defaults() {
  TRYV(kernel::set_sysctl("ipv4/ip_forward", "1"));
  // What waits at a service's socket of an earlier netd goes to ours when that one is closed.
  TRYV(kernel::set_sysctl("ipv4/tcp_migrate_req", "1"));
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

/// A namespace of our name with links, and none of them ours, is somebody else's: it is not to be taken over.
Status check_owner(kernel::Links& links, const std::string& name) {
  // Made by the kernel in each new namespace, where the modules are there.
  static const std::set<std::string> kKernels{"lo",   "tunl0",   "gre0",    "gretap0", "erspan0",
                                              "sit0", "ip_vti0", "ip6tnl0", "ip6gre0", "ip6_vti0"};
  TRY(const auto all, links.list());
  std::string stranger;
  for (const auto& [link_name, link] : all) {
    if (is_ours(link) || (link.kind == "tun" && link_name.starts_with("cs"))) return ok();
    if (!kKernels.contains(link_name)) stranger = link_name;
  }
  if (stranger.empty()) return ok();
  return Error{.code = "EEXIST",
               .message = "the network namespace " + name + " is not ours: it holds " + stranger +
                          "; remove the namespace, or choose another --instance",
               .errno_value = EEXIST};
}

}  // namespace

bool is_ours(const kernel::Link& link) {
  return link.group == kernel::kLinkGroup || link.alias.starts_with(reconcile::alias_of(""));
}

Error not_ours(const std::string& name, const std::string& netns) {
  return {.code = "EEXIST",
          .message = "the link " + name + " of the network namespace " + netns +
                     " is not ours; remove it (ip link delete " + name + ")",
          .errno_value = EEXIST};
}

MacAddress gateway_mac() {
  return {.bytes = CAISSON_GATEWAY_MAC};
}

Fabric::Fabric(FabricOptions options, Fd host, Fd netns, kernel::Links host_links, kernel::Links links,
               kernel::Nft host_nft, kernel::Nft nft, kernel::Datapath datapath)
    : options_(std::move(options)),
      host_(std::move(host)),
      netns_(std::move(netns)),
      host_links_(std::move(host_links)),
      links_(std::move(links)),
      host_nft_(std::move(host_nft)),
      nft_(std::move(nft)),
      datapath_(std::move(datapath)) {}

Result<Fabric> Fabric::open(const FabricOptions& options) {
  const std::string name = instance_name(options.instance);
  TRY(Fd host, kernel::current_netns());
  const std::string pins = "/sys/fs/bpf/" + name;
  TRYV(kernel::make_pin_folder(pins));
  TRY(Fd lock, lock_folder(pins));
  TRYV(kernel::ensure_netns(name));
  TRY(Fd netns, kernel::open_netns(name));
  TRYV(kernel::in_netns(netns, close_defaults));
  TRY(kernel::Links host_links, kernel::Links::open());
  TRY(kernel::Links links, kernel::Links::open_in(netns));
  TRY(kernel::Nft host_nft, kernel::Nft::open_in(host));
  TRY(kernel::Nft nft, kernel::Nft::open_in(netns));
  TRYV(check_owner(links, name));
  TRY(kernel::Datapath datapath, kernel::Datapath::load(pins));
  Fabric fabric(options, std::move(host), std::move(netns), std::move(host_links), std::move(links),
                std::move(host_nft), std::move(nft), std::move(datapath));
  fabric.lock_ = std::move(lock);
  TRYV(fabric.links_.set_up("lo"));
  TRYV(fabric.make_parts());
  TRYV(fabric.reattach_members());
  return fabric;
}

std::string Fabric::name() const {
  return instance_name(options_.instance);
}

Status Fabric::attach(kernel::Hook hook, std::uint32_t index, const std::string& name) {
  return kernel::in_netns(netns_, [&] { return datapath_.attach(hook, index, name); });
}

Result<kernel::Watch> Fabric::watch() const {
  return kernel::Watch::open(host_, netns_, "/sys/fs/bpf/" + instance_name(options_.instance));
}

bool Fabric::is_netns(const Fd& netns) const {
  struct stat ours {};
  struct stat other {};
  return ::fstat(netns_.get(), &ours) == 0 && ::fstat(netns.get(), &other) == 0 &&
         ours.st_ino == other.st_ino && ours.st_dev == other.st_dev;
}

Status Fabric::reattach_members() {
  TRY(auto eyes, open_eyes());
  TRY(const auto observed, observe_links(eyes));
  return kernel::in_netns(netns_, [&]() -> Status {
    for (const auto& [name, port] : observed.members) {
      TRYV(datapath_.attach(kernel::Hook::kPort, port.index, name));
    }
    return ok();
  });
}

void Fabric::add_link(const std::string& name, const kernel::Link& link,
                      reconcile::ObservedState& observed) const {
  if (!is_ours(link) || is_part(name)) return;
  if (link.kind == "bridge") {
    observed.bridges[name] = {link.alias, link.index, link.up};
  } else if (link.kind == "veth" && name.starts_with("cm")) {
    observed.members[name] = {link.alias, link.index, link.master, link.up};
  } else {
    observed.strangers[name] = link.alias;
  }
}

Status Fabric::look(const std::string& name, reconcile::ObservedState& observed) {
  observed.bridges.erase(name);
  observed.members.erase(name);
  observed.strangers.erase(name);
  const auto link = links_.find(name);
  if (!link && link.error().errno_value != ENODEV) return link.error();
  if (link) add_link(name, link.value(), observed);
  return ok();
}

Status Fabric::make_bridge(const reconcile::MakeBridge& made) {
  auto found = links_.find(made.name);
  if (found && !is_ours(found.value())) return not_ours(made.name, instance_name(options_.instance));
  if (!found) {
    TRYV(links_.make_bridge(made.name, gateway_mac()));
  }
  TRY(const auto index, links_.index_of(made.name));
  return links_.finish(index, made.name, made.alias);
}

/// The veth with its programs. One that is there stays if its other end is where it belongs.
Result<std::uint32_t> Fabric::make_port(const reconcile::MakeMember& made, const Fd& netns,
                                        kernel::Links& inside) {
  const std::string device = vpc::member_device_name(made.member.device_index);
  if (auto found = links_.find(made.port)) {
    if (!is_ours(found.value())) return not_ours(made.port, instance_name(options_.instance));
    const auto other = inside.find(device);
    if (!other || other.value().mac != made.member.mac) {
      TRYV(links_.remove(made.port));
      found = Error{};
    }
    if (found) return found.value().index;
  }
  TRYV(links_.make_veth(made.port, device, made.member.mac, netns));
  return links_.index_of(made.port);
}

/// The bridge last: a port that is on it has all the rest.
Status Fabric::make_member(const reconcile::MakeMember& made) {
  const std::string device = vpc::member_device_name(made.member.device_index);
  TRY(const Fd netns, kernel::open_netns(made.member.netns));
  TRY(kernel::Links inside, kernel::Links::open_in(netns));
  TRY(const auto index, make_port(made, netns, inside));
  TRYV(attach(kernel::Hook::kPort, index, made.port));
  TRYV(links_.set_alias(made.port, made.alias));
  TRYV(inside.set_up("lo"));
  TRYV(inside.add_address(device, made.member.address, made.member.prefix_length));
  TRYV(inside.set_up(device));
  if (made.member.device_index == 0) {
    TRYV(inside.add_route(Ipv4Cidr({0}, 0), device, &made.member.router));
  }
  return links_.enslave(made.port, made.member.bridge);
}

Status Fabric::open_member(const reconcile::OpenMember& opened) {
  return links_.set_up(opened.port);
}

Status Fabric::execute(const reconcile::Operation& operation) {
  if (const auto* bridge = std::get_if<reconcile::MakeBridge>(&operation.what)) {
    return make_bridge(*bridge);
  }
  if (const auto* made = std::get_if<reconcile::MakeMember>(&operation.what)) return make_member(*made);
  if (const auto* opened = std::get_if<reconcile::OpenMember>(&operation.what)) return open_member(*opened);
  if (const auto* deleted = std::get_if<reconcile::DeleteLink>(&operation.what))
    return links_.remove(deleted->name);
  if (const auto* put = std::get_if<reconcile::PutEntry>(&operation.what)) {
    return datapath_.put(put->table, put->key, put->value);
  }
  if (const auto* part = std::get_if<reconcile::Repair>(&operation.what)) return repair(part->part);
  if (const auto* table = std::get_if<reconcile::DeleteTable>(&operation.what)) {
    return (table->inside ? nft_ : host_nft_).run("delete table " + table->family + " " + table->name);
  }
  if (std::holds_alternative<reconcile::Report>(operation.what)) return ok();
  if (const auto* pin = std::get_if<reconcile::DeletePin>(&operation.what)) return datapath_.unpin(pin->file);
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
