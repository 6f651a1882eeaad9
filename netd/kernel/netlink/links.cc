#include "netd/kernel/netlink/links.hh"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/route.h>

#include <cerrno>
#include <cstring>

#include "netd/kernel/netns.hh"

namespace caisson::netd::kernel {
namespace {

template <class T, void (*release)(T*)>
struct Releaser {
  void operator()(T* object) const { release(object); }
};
using LinkPtr = std::unique_ptr<rtnl_link, Releaser<rtnl_link, rtnl_link_put>>;
using AddressPtr = std::unique_ptr<rtnl_addr, Releaser<rtnl_addr, rtnl_addr_put>>;
using RoutePtr = std::unique_ptr<rtnl_route, Releaser<rtnl_route, rtnl_route_put>>;
using CachePtr = std::unique_ptr<nl_cache, Releaser<nl_cache, nl_cache_free>>;
using BytesPtr = std::unique_ptr<nl_addr, Releaser<nl_addr, nl_addr_put>>;
using MessagePtr = std::unique_ptr<nl_msg, Releaser<nl_msg, nlmsg_free>>;

/// libnl's own codes, as far as the callers tell them apart.
int errno_of(int code) {
  switch (-code) {
    case NLE_OBJ_NOTFOUND:
    case NLE_NODEV:
      return ENODEV;
    case NLE_EXIST:
      return EEXIST;
    case NLE_PERM:
      return EPERM;
    case NLE_NOMEM:
      return ENOMEM;
    case NLE_BUSY:
      return EBUSY;
    default:
      return EIO;
  }
}

Status checked(int code, const std::string& operation, const std::string& object) {
  if (code >= 0) return ok();
  Error error = Error::system(errno_of(code), operation, object);
  error.message += std::string(" (") + nl_geterror(code) + ")";
  return error;
}

/// A list that changed while it was read is read again.
template <class Allocate>
Result<CachePtr> cached(const char* what, const Allocate& allocate) {
  constexpr int kAttempts = 20;
  nl_cache* raw = nullptr;
  int code = -NLE_DUMP_INTR;
  for (int i = 0; i < kAttempts && code == -NLE_DUMP_INTR; ++i) {
    code = allocate(&raw);
  }
  TRYV(checked(code, "list", what));
  return CachePtr(raw);
}

BytesPtr bytes_of(const MacAddress& mac) {
  return BytesPtr(nl_addr_build(AF_LLC, mac.bytes.data(), mac.bytes.size()));
}

BytesPtr bytes_of(Ipv4Address address, int prefix_length) {
  const std::uint32_t network = htonl(address.value);
  BytesPtr made(nl_addr_build(AF_INET, &network, sizeof network));
  nl_addr_set_prefixlen(made.get(), prefix_length);
  return made;
}

Link value_of(rtnl_link* link) {
  const char* alias = rtnl_link_get_ifalias(link);
  const char* kind = rtnl_link_get_type(link);
  Link value{.index = static_cast<std::uint32_t>(rtnl_link_get_ifindex(link)),
             .master = static_cast<std::uint32_t>(rtnl_link_get_master(link)),
             .group = rtnl_link_get_group(link),
             .alias = alias == nullptr ? "" : alias,
             .kind = kind == nullptr ? "" : kind,
             .mac = {},
             .up = (rtnl_link_get_flags(link) & IFF_UP) != 0};
  const nl_addr* mac = rtnl_link_get_addr(link);
  if (mac != nullptr && nl_addr_get_len(mac) == value.mac.bytes.size()) {
    std::memcpy(value.mac.bytes.data(), nl_addr_get_binary_addr(mac), value.mac.bytes.size());
  }
  return value;
}

/// libnl 3.7 has no calls for the ports' `isolated` flag and the rest: IFLA_PROTINFO by hand.
Status set_port_flags(nl_sock* socket, std::uint32_t index, const std::string& name) {
  const MessagePtr message(nlmsg_alloc_simple(RTM_SETLINK, 0));
  const ifinfomsg header{.ifi_family = AF_BRIDGE,
                         .__ifi_pad = 0,
                         .ifi_type = 0,
                         .ifi_index = static_cast<int>(index),
                         .ifi_flags = 0,
                         .ifi_change = 0};
  (void)nlmsg_append(message.get(), const_cast<ifinfomsg*>(&header), sizeof header, NLMSG_ALIGNTO);
  nlattr* port = nla_nest_start(message.get(), IFLA_PROTINFO | NLA_F_NESTED);
  nla_put_u8(message.get(), IFLA_BRPORT_ISOLATED, 1);
  nla_put_u8(message.get(), IFLA_BRPORT_LEARNING, 0);
  nla_put_u8(message.get(), IFLA_BRPORT_UNICAST_FLOOD, 0);
  nla_put_u8(message.get(), IFLA_BRPORT_MCAST_FLOOD, 0);
  nla_put_u8(message.get(), IFLA_BRPORT_BCAST_FLOOD, 0);
  nla_nest_end(message.get(), port);
  TRYV(checked(nl_send_auto(socket, message.get()), "set port flags of", name));
  return checked(nl_wait_for_ack(socket), "set port flags of", name);
}

}  // namespace

void Links::Closer::operator()(nl_sock* socket) const {
  nl_socket_free(socket);
}

Result<Links> Links::open() {
  std::unique_ptr<nl_sock, Closer> socket(nl_socket_alloc());
  // Requests and answers alternate anyway, and a request that could not be sent would put libnl out of step for good.
  nl_socket_disable_seq_check(socket.get());
  TRYV(checked(nl_connect(socket.get(), NETLINK_ROUTE), "open", "rtnetlink"));
  return Links(std::move(socket));
}

Result<Links> Links::open_in(const Fd& netns) {
  std::unique_ptr<nl_sock, Closer> socket(nl_socket_alloc());
  nl_socket_disable_seq_check(socket.get());
  TRYV(
      in_netns(netns, [&] { return checked(nl_connect(socket.get(), NETLINK_ROUTE), "open", "rtnetlink"); }));
  return Links(std::move(socket));
}

Result<std::map<std::string, Link>> Links::list() {
  TRY(const CachePtr cache,
      cached("links", [&](nl_cache** raw) { return rtnl_link_alloc_cache(socket_.get(), AF_UNSPEC, raw); }));
  std::map<std::string, Link> links;
  for (nl_object* object = nl_cache_get_first(cache.get()); object != nullptr;
       object = nl_cache_get_next(object)) {
    auto* link = reinterpret_cast<rtnl_link*>(object);
    links[rtnl_link_get_name(link)] = value_of(link);
  }
  return links;
}

Result<Link> Links::find(const std::string& name) {
  rtnl_link* raw = nullptr;
  TRYV(checked(rtnl_link_get_kernel(socket_.get(), 0, name.c_str(), &raw), "find link", name));
  const LinkPtr link(raw);
  return value_of(raw);
}

Result<std::uint32_t> Links::index_of(const std::string& name) {
  TRY(const auto link, find(name));
  return link.index;
}

Status Links::make_bridge(const std::string& name, const MacAddress& mac) {
  const LinkPtr link(rtnl_link_bridge_alloc());
  const auto bytes = bytes_of(mac);
  rtnl_link_set_name(link.get(), name.c_str());
  rtnl_link_set_addr(link.get(), bytes.get());
  rtnl_link_set_group(link.get(), kLinkGroup);
  return checked(rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL), "make bridge", name);
}

Status Links::make_veth(const std::string& name, const std::string& peer, const MacAddress& peer_mac,
                        const Fd& peer_netns) {
  const LinkPtr link(rtnl_link_veth_alloc());
  rtnl_link* other = rtnl_link_veth_get_peer(link.get());
  const auto bytes = bytes_of(peer_mac);
  rtnl_link_set_name(link.get(), name.c_str());
  rtnl_link_set_group(link.get(), kLinkGroup);
  rtnl_link_set_name(other, peer.c_str());
  rtnl_link_set_addr(other, bytes.get());
  rtnl_link_set_ns_fd(other, peer_netns.get());
  const int code = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
  rtnl_link_put(other);
  return checked(code, "make veth", name);
}

Status Links::enslave(const std::string& port, const std::string& bridge) {
  TRY(const auto port_index, index_of(port));
  TRY(const auto bridge_index, index_of(bridge));
  TRYV(checked(
      rtnl_link_enslave_ifindex(socket_.get(), static_cast<int>(bridge_index), static_cast<int>(port_index)),
      "enslave", port));
  return set_port_flags(socket_.get(), port_index, port);
}

namespace {

Status change(nl_sock* socket, const std::string& name, rtnl_link* changes, const char* operation) {
  rtnl_link* raw = nullptr;
  TRYV(checked(rtnl_link_get_kernel(socket, 0, name.c_str(), &raw), operation, name));
  const LinkPtr original(raw);
  return checked(rtnl_link_change(socket, raw, changes, 0), operation, name);
}

}  // namespace

Status Links::set_alias(const std::string& name, const std::string& alias) {
  const LinkPtr changes(rtnl_link_alloc());
  rtnl_link_set_ifalias(changes.get(), alias.c_str());
  return change(socket_.get(), name, changes.get(), "set alias of");
}

Status Links::set_up(const std::string& name) {
  const LinkPtr changes(rtnl_link_alloc());
  rtnl_link_set_flags(changes.get(), IFF_UP);
  return change(socket_.get(), name, changes.get(), "bring up");
}

Status Links::finish(std::uint32_t index, const std::string& name, const std::string& alias) {
  const MessagePtr message(nlmsg_alloc_simple(RTM_NEWLINK, 0));
  const ifinfomsg header{.ifi_family = AF_UNSPEC,
                         .__ifi_pad = 0,
                         .ifi_type = 0,
                         .ifi_index = static_cast<int>(index),
                         .ifi_flags = IFF_UP,
                         .ifi_change = IFF_UP};
  (void)nlmsg_append(message.get(), const_cast<ifinfomsg*>(&header), sizeof header, NLMSG_ALIGNTO);
  nla_put_string(message.get(), IFLA_IFALIAS, alias.c_str());
  TRYV(checked(nl_send_auto(socket_.get(), message.get()), "bring up", name));
  return checked(nl_wait_for_ack(socket_.get()), "bring up", name);
}

Status Links::set_arp_off(const std::string& name) {
  const LinkPtr changes(rtnl_link_alloc());
  rtnl_link_set_flags(changes.get(), IFF_NOARP);
  return change(socket_.get(), name, changes.get(), "switch ARP off at");
}

Status Links::remove(const std::string& name) {
  const LinkPtr link(rtnl_link_alloc());
  rtnl_link_set_name(link.get(), name.c_str());
  const Status removed = checked(rtnl_link_delete(socket_.get(), link.get()), "remove", name);
  if (!removed && removed.error().errno_value == ENODEV) return ok();
  return removed;
}

Status Links::add_address(const std::string& name, Ipv4Address address, int prefix_length) {
  TRY(const auto index, index_of(name));
  const AddressPtr made(rtnl_addr_alloc());
  const auto local = bytes_of(address, prefix_length);
  rtnl_addr_set_ifindex(made.get(), static_cast<int>(index));
  rtnl_addr_set_local(made.get(), local.get());
  return checked(rtnl_addr_add(socket_.get(), made.get(), NLM_F_REPLACE), "add address to", name);
}

Status Links::add_route(const Ipv4Cidr& destination, const std::string& name, const Ipv4Address* via) {
  TRY(const auto index, index_of(name));
  const RoutePtr route(rtnl_route_alloc());
  const auto target = bytes_of(destination.base(), destination.length());
  rtnl_route_set_family(route.get(), AF_INET);
  rtnl_route_set_dst(route.get(), target.get());
  rtnl_route_set_scope(route.get(), via == nullptr ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  rtnl_route_nh_set_ifindex(hop, static_cast<int>(index));
  if (via != nullptr) {
    const auto gateway = bytes_of(*via, 32);
    rtnl_route_nh_set_gateway(hop, gateway.get());
  }
  rtnl_route_add_nexthop(route.get(), hop);
  return checked(rtnl_route_add(socket_.get(), route.get(), NLM_F_CREATE | NLM_F_REPLACE), "add route to",
                 destination.text());
}

Status Links::add_local(const Ipv4Cidr& block) {
  TRY(const auto loopback, index_of("lo"));
  const RoutePtr route(rtnl_route_alloc());
  const auto target = bytes_of(block.base(), block.length());
  rtnl_route_set_family(route.get(), AF_INET);
  rtnl_route_set_dst(route.get(), target.get());
  rtnl_route_set_table(route.get(), RT_TABLE_LOCAL);
  rtnl_route_set_type(route.get(), RTN_LOCAL);
  rtnl_route_set_scope(route.get(), RT_SCOPE_HOST);
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  rtnl_route_nh_set_ifindex(hop, static_cast<int>(loopback));
  rtnl_route_add_nexthop(route.get(), hop);
  return checked(rtnl_route_add(socket_.get(), route.get(), NLM_F_CREATE | NLM_F_REPLACE),
                 "add local route to", block.text());
}

Result<bool> Links::has_address(std::uint32_t index, Ipv4Address address) {
  TRY(const CachePtr cache,
      cached("addresses", [&](nl_cache** raw) { return rtnl_addr_alloc_cache(socket_.get(), raw); }));
  const auto local = bytes_of(address, 32);
  for (nl_object* object = nl_cache_get_first(cache.get()); object != nullptr;
       object = nl_cache_get_next(object)) {
    auto* found = reinterpret_cast<rtnl_addr*>(object);
    nl_addr* its = rtnl_addr_get_local(found);
    if (rtnl_addr_get_ifindex(found) == static_cast<int>(index) && its != nullptr &&
        nl_addr_get_family(its) == AF_INET &&
        std::memcmp(nl_addr_get_binary_addr(its), nl_addr_get_binary_addr(local.get()), 4) == 0) {
      return true;
    }
  }
  return false;
}

Result<bool> Links::has_route(const Ipv4Cidr& destination, std::uint32_t index) {
  TRY(const CachePtr cache, cached("routes", [&](nl_cache** raw) {
        return rtnl_route_alloc_cache(socket_.get(), AF_INET, 0, raw);
      }));
  const auto target = bytes_of(destination.base(), destination.length());
  for (nl_object* object = nl_cache_get_first(cache.get()); object != nullptr;
       object = nl_cache_get_next(object)) {
    auto* found = reinterpret_cast<rtnl_route*>(object);
    nl_addr* its = rtnl_route_get_dst(found);
    // The default route's destination has no bytes.
    const bool same = its != nullptr &&
                      static_cast<int>(nl_addr_get_prefixlen(its)) == destination.length() &&
                      (destination.length() == 0 || nl_addr_cmp(its, target.get()) == 0);
    rtnl_nexthop* hop = rtnl_route_get_nnexthops(found) == 1 ? rtnl_route_nexthop_n(found, 0) : nullptr;
    if (same && hop != nullptr && rtnl_route_nh_get_ifindex(hop) == static_cast<int>(index)) return true;
  }
  return false;
}

}  // namespace caisson::netd::kernel
