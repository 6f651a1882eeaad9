#include "netd/kernel/netlink/watch.hh"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "netd/kernel/netns.hh"

namespace caisson::netd::kernel {
namespace {

/// A socket in the calling thread's namespace.
Result<Fd> subscribe(int protocol, std::initializer_list<int> groups) {
  Fd socket = Fd::own(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!socket) return Error::system(errno, "open", "a netlink socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error::system(errno, "bind", "a netlink socket");
  }
  for (const int group : groups) {
    if (::setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
      return Error::system(errno, "subscribe to", "netlink notifications");
    }
  }
  return socket;
}

/// What is queued goes; also that there was more than the queue holds (ENOBUFS).
void drain(const Fd& source) {
  std::array<char, 16384> bytes;
  while (::read(source.get(), bytes.data(), bytes.size()) > 0 || errno == ENOBUFS || errno == EINTR) {
  }
}

}  // namespace

Result<Watch> Watch::open(const Fd& host, const Fd& fabric, const std::string& folder) {
  Watch watch;
  watch.sources_.push_back(Fd::own(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  watch.sources_.push_back(Fd::own(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)));
  for (const Fd& source : watch.sources_) {
    if (!source) return Error::system(errno, "make", "a watch");
  }
  if (::inotify_add_watch(watch.sources_[1].get(), folder.c_str(), IN_CREATE | IN_DELETE | IN_MOVE) < 0) {
    return Error::system(errno, "watch", folder);
  }
  for (const Fd* netns : {&host, &fabric}) {
    TRYV(in_netns(*netns, [&]() -> Status {
      TRY(Fd links,
          subscribe(NETLINK_ROUTE, {RTNLGRP_LINK, RTNLGRP_TC, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE}));
      TRY(Fd tables, subscribe(NETLINK_NETFILTER, {NFNLGRP_NFTABLES}));
      watch.sources_.push_back(std::move(links));
      watch.sources_.push_back(std::move(tables));
      return ok();
    }));
  }
  return watch;
}

bool Watch::wait() {
  std::vector<pollfd> polled;
  for (const Fd& source : sources_) {
    polled.push_back({.fd = source.get(), .events = POLLIN, .revents = 0});
  }
  while (::poll(polled.data(), polled.size(), -1) < 0 && errno == EINTR) {
  }
  for (std::size_t i = 1; i < polled.size(); ++i) {
    if (polled[i].revents != 0) drain(sources_[i]);
  }
  return polled[0].revents == 0;
}

void Watch::stop() const {
  const std::uint64_t one = 1;
  (void)!::write(sources_[0].get(), &one, sizeof one);
}

}  // namespace caisson::netd::kernel
