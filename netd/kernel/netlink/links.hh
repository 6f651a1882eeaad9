// Links, addresses and routes over rtnetlink (libnl). The only user of libnl.
//
// A Links speaks to the network namespace that it was opened in, whatever the thread's is later. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/fd.hh"
#include "base/ipv4.hh"
#include "base/mac.hh"
#include "base/result.hh"

struct nl_sock;

namespace caisson::netd::kernel {

/// What marks a link as ours from the moment it is made: an alias can only be given to one that exists.
inline constexpr std::uint32_t kLinkGroup = 51733;

struct Link {
  std::uint32_t index = 0;
  std::uint32_t master = 0;  ///< ifindex of the bridge, 0 for none
  std::uint32_t group = 0;
  std::string alias;
  std::string kind;  ///< "bridge", "veth", "tun"
  MacAddress mac;
  bool up = false;
};

class Links {
 public:
  /// In the namespace of the calling thread.
  static Result<Links> open();
  /// In that namespace.
  static Result<Links> open_in(const Fd& netns);

  /// All links by name.
  Result<std::map<std::string, Link>> list();
  /// Error ENODEV: there is none.
  Result<Link> find(const std::string& name);
  Result<std::uint32_t> index_of(const std::string& name);

  /// A bridge without address, spanning tree or multicast snooping; down, of kLinkGroup, without alias.
  Status make_bridge(const std::string& name, const MacAddress& mac);
  /// A pair: `name` here, `peer` with `peer_mac` in the other namespace; both down,
  /// without alias; `name` of kLinkGroup, the peer known by its address.
  Status make_veth(const std::string& name, const std::string& peer, const MacAddress& peer_mac,
                   const Fd& peer_netns);
  /// A port of the bridge, isolated, that learns and floods nothing.
  Status enslave(const std::string& port, const std::string& bridge);
  Status set_alias(const std::string& name, const std::string& alias);
  Status set_up(const std::string& name);
  /// Both at once, by the link's index: the alias first. `name` is for the error.
  Status finish(std::uint32_t index, const std::string& name, const std::string& alias);
  Status set_arp_off(const std::string& name);
  /// One that is not there is a success.
  Status remove(const std::string& name);

  /// Idempotent.
  Status add_address(const std::string& name, Ipv4Address address, int prefix_length);
  /// Idempotent. `via` none: on the link.
  Status add_route(const Ipv4Cidr& destination, const std::string& name, const Ipv4Address* via);
  /// Idempotent. The block is the namespace's own, on no device: `ip route add local`, over its loopback.
  Status add_local(const Ipv4Cidr& block);
  /// Whether the link of that index has the address; whether the namespace has the route over it.
  Result<bool> has_address(std::uint32_t index, Ipv4Address address);
  Result<bool> has_route(const Ipv4Cidr& destination, std::uint32_t index);

 private:
  struct Closer {
    void operator()(nl_sock* socket) const;
  };
  explicit Links(std::unique_ptr<nl_sock, Closer> socket) : socket_(std::move(socket)) {}
  std::unique_ptr<nl_sock, Closer> socket_;
};

}  // namespace caisson::netd::kernel
