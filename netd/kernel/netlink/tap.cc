#include "netd/kernel/netlink/tap.hh"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace caisson::netd::kernel {

Result<Fd> open_tap(const std::string& name, std::uint32_t index) {
  Fd tap = Fd::own(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!tap) return Error::system(errno, "open", "/dev/net/tun");
  if (index != 0 && ::if_nametoindex(name.c_str()) == 0 && ::ioctl(tap.get(), TUNSETIFINDEX, &index) != 0) {
    return Error::system(errno, "choose the index of", name);
  }
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
  if (::ioctl(tap.get(), TUNSETIFF, &request) != 0) return Error::system(errno, "open tap", name);
  if (::ioctl(tap.get(), TUNSETPERSIST, 1) != 0) return Error::system(errno, "keep tap", name);
  return tap;
}

void drain_tap(const Fd& tap) {
  std::array<char, 65536 + 64> packet;
  while (::read(tap.get(), packet.data(), packet.size()) > 0) {
  }
}

}  // namespace caisson::netd::kernel
