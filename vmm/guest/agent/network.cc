#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/ipv4.hh"
#include "base/mac.hh"
#include "netd/client/attach_protocol.hh"
#include "vmm/guest/agent/system.hh"

namespace caisson::guest {
namespace {

constexpr const char* kInterface = "eth0";

sockaddr address_of(const char* text) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  ::inet_pton(AF_INET, text, &in.sin_addr);
  sockaddr out{};
  std::memcpy(&out, &in, sizeof in);
  return out;
}

sockaddr netmask(int length) {
  return address_of(Ipv4Address{Ipv4Cidr(Ipv4Address{}, length).mask()}.text().c_str());
}

ifreq request_for(const char* interface) {
  ifreq request{};
  std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
  return request;
}

Status control(const Fd& socket, unsigned long operation, void* argument, const char* what) {
  if (::ioctl(socket.get(), operation, argument) != 0) return Error::system(errno, "set", what);
  return ok();
}

Status bring_up(const Fd& socket, const char* interface) {
  ifreq request = request_for(interface);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return control(socket, SIOCSIFFLAGS, &request, "link up");
}

Status set_address(const Fd& socket) {
  ifreq request = request_for(kInterface);
  request.ifr_mtu = netd::kGuestMtu;
  TRYV(control(socket, SIOCSIFMTU, &request, "MTU"));
  request = request_for(kInterface);
  request.ifr_addr = address_of(netd::kGuestAddress);
  TRYV(control(socket, SIOCSIFADDR, &request, "address"));
  request.ifr_netmask = netmask(netd::kGuestPrefixLength);
  return control(socket, SIOCSIFNETMASK, &request, "netmask");
}

/// Permanent, so that no clone ever waits for ARP.
Status set_gateway(const Fd& socket) {
  arpreq neighbour{};
  neighbour.arp_pa = address_of(netd::kGuestGateway);
  neighbour.arp_ha.sa_family = ARPHRD_ETHER;
  const auto mac = MacAddress::parse(netd::kGatewayMac);
  std::memcpy(neighbour.arp_ha.sa_data, mac->bytes.data(), mac->bytes.size());
  neighbour.arp_flags = ATF_PERM | ATF_COM;
  std::strncpy(neighbour.arp_dev, kInterface, sizeof neighbour.arp_dev - 1);
  TRYV(control(socket, SIOCSARP, &neighbour, "neighbour"));
  rtentry route{};
  route.rt_dst = address_of("0.0.0.0");
  route.rt_genmask = address_of("0.0.0.0");
  route.rt_gateway = address_of(netd::kGuestGateway);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  return control(socket, SIOCADDRT, &route, "default route");
}

/// A sock_diag request and its answers; each answer's payload goes to `take`.
template <class Take>
Status exchange(const Fd& netlink, nlmsghdr& header, Take take) {
  if (::send(netlink.get(), &header, header.nlmsg_len, 0) < 0)
    return Error::system(errno, "ask", "sock_diag");
  std::vector<char> buffer(64 * 1024);
  for (;;) {
    const ssize_t received = ::recv(netlink.get(), buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return Error::system(errno, "hear", "sock_diag");
    auto length = static_cast<unsigned>(received);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, length);
         message = NLMSG_NEXT(message, length)) {
      if (message->nlmsg_type == NLMSG_DONE) return ok();
      if (message->nlmsg_type == NLMSG_ERROR) {
        const int error = -static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error;
        if (error == 0) return ok();
        return Error::system(error, "use", "sock_diag");
      }
      take(*static_cast<const inet_diag_msg*>(NLMSG_DATA(message)));
    }
  }
}

struct DiagRequest {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

DiagRequest diag_request(unsigned short type, unsigned short flags, unsigned char family) {
  DiagRequest request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = static_cast<unsigned short>(NLM_F_REQUEST | flags);
  request.body.sdiag_family = family;
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = ~0U;
  return request;
}

bool is_loopback(const inet_diag_msg& socket) {
  const auto* source = socket.id.idiag_src;
  if (socket.idiag_family == AF_INET) return (ntohl(source[0]) >> 24) == IN_LOOPBACKNET;
  // ::1 and ::ffff:127.0.0.0/8.
  const bool high_zero = source[0] == 0 && source[1] == 0;
  return high_zero && ((source[2] == 0 && ntohl(source[3]) == 1) ||
                       (ntohl(source[2]) == 0xffff && (ntohl(source[3]) >> 24) == IN_LOOPBACKNET));
}

}  // namespace

Status configure_network() {
  const Fd socket = Fd::own(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return Error::system(errno, "make", "a socket");
  TRYV(bring_up(socket, "lo"));
  const std::string range =
      std::to_string(netd::kGuestFirstPort) + " " + std::to_string(netd::kGuestLastPort);
  TRYV(write_file("/proc/sys/net/ipv4/ip_local_port_range", range));
  if (::if_nametoindex(kInterface) == 0) return ok();
  // Before the link is up, so that no router solicitation leaves the guest.
  TRYV(write_file(std::string("/proc/sys/net/ipv6/conf/") + kInterface + "/disable_ipv6", "1"));
  TRYV(set_address(socket));
  TRYV(bring_up(socket, kInterface));
  return set_gateway(socket);
}

Result<std::int64_t> destroy_tcp_sockets() {
  const Fd netlink = Fd::own(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink) return Error::system(errno, "make", "a sock_diag socket");
  std::vector<inet_diag_msg> found;
  for (const unsigned char family : {AF_INET, AF_INET6}) {
    DiagRequest list = diag_request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family);
    TRYV(exchange(netlink, list.header, [&found](const inet_diag_msg& socket) {
      // A listener has no peer whose connection clones would share, TIME-WAIT no data (and 6.1 can't destroy
      // it).
      const bool has_peer = socket.idiag_state != TCP_LISTEN && socket.idiag_state != TCP_TIME_WAIT;
      if (has_peer && !is_loopback(socket)) found.push_back(socket);
    }));
  }
  std::int64_t destroyed = 0;
  for (const inet_diag_msg& socket : found) {
    DiagRequest destroy = diag_request(SOCK_DESTROY, NLM_F_ACK, socket.idiag_family);
    destroy.body.id = socket.id;
    const auto status = exchange(netlink, destroy.header, [](const inet_diag_msg&) {});
    // One that has closed meanwhile is as good.
    if (!status && status.error().errno_value != ENOENT) return status.error();
    if (status) ++destroyed;
  }
  return destroyed;
}

}  // namespace caisson::guest
