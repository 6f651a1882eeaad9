// What attach is compared with: the shortest way by netlink that makes its tap. Each attachment is a new persistent tap
// (an ioctl; rtnetlink makes none) and one message that gives it MAC, MTU and a bridge and sets it up. It filters
// nothing yet. Prints, as JSON, the nanoseconds of each.
//
// To be run inside a network namespace that has the bridges; they and the taps go with it.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace {

template <class T, void (*release)(T*)>
struct Releaser {
  void operator()(T* object) const { release(object); }
};
using SocketPtr = std::unique_ptr<nl_sock, Releaser<nl_sock, nl_socket_free>>;
using LinkPtr = std::unique_ptr<rtnl_link, Releaser<rtnl_link, rtnl_link_put>>;
using AddressPtr = std::unique_ptr<nl_addr, Releaser<nl_addr, nl_addr_put>>;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void make_tap(const std::string& name) {
  const int tap = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (tap < 0) fail("open /dev/net/tun");
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
  if (::ioctl(tap, TUNSETIFF, &request) != 0) fail("TUNSETIFF");
  if (::ioctl(tap, TUNSETPERSIST, 1) != 0) fail("TUNSETPERSIST");
  ::close(tap);
}

void join(nl_sock* socket, const std::string& name, unsigned bridge, int number) {
  const std::array<unsigned char, 6> mac{
      0x02, 0, 0, 0, static_cast<unsigned char>(number >> 8), static_cast<unsigned char>(number)};
  const AddressPtr address(nl_addr_build(AF_LLC, mac.data(), mac.size()));
  const LinkPtr change(rtnl_link_alloc());
  rtnl_link_set_addr(change.get(), address.get());
  rtnl_link_set_mtu(change.get(), 1500);
  rtnl_link_set_master(change.get(), static_cast<int>(bridge));
  rtnl_link_set_flags(change.get(), IFF_UP);
  const LinkPtr which(rtnl_link_alloc());
  rtnl_link_set_ifindex(which.get(), static_cast<int>(::if_nametoindex(name.c_str())));
  if (const int code = rtnl_link_change(socket, which.get(), change.get(), 0); code < 0) {
    std::fprintf(stderr, "change %s: %s\n", name.c_str(), nl_geterror(code));
    std::exit(1);
  }
}

unsigned index_of(nl_sock* socket, const std::string& name) {
  rtnl_link* found = nullptr;
  if (rtnl_link_get_kernel(socket, 0, name.c_str(), &found) < 0) fail(name.c_str());
  const LinkPtr owner(found);
  return static_cast<unsigned>(rtnl_link_get_ifindex(found));
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) {
    std::fprintf(stderr, "bench_attach_netlink COUNT BRIDGE...\n");
    return 2;
  }
  const SocketPtr socket(nl_socket_alloc());
  if (nl_connect(socket.get(), NETLINK_ROUTE) < 0) fail("connect to rtnetlink");
  std::printf("[");
  for (int i = 0; i < std::atoi(words[1]); ++i) {
    const unsigned bridge = index_of(socket.get(), words[2 + i % (count - 2)]);
    const std::string name = "nl" + std::to_string(i);
    const auto begin = std::chrono::steady_clock::now();
    make_tap(name);
    join(socket.get(), name, bridge, i);
    const auto took = std::chrono::steady_clock::now() - begin;
    std::printf("%s%lld", i == 0 ? "" : ",", static_cast<long long>(took.count()));
  }
  std::printf("]\n");
  return 0;
}
