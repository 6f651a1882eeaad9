#include "base/service.hh"

#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <algorithm>

namespace caisson::service {

void notify(const std::string& state) {
  (void)::sd_notify(/*unset_environment=*/0, state.c_str());
}

std::optional<std::chrono::microseconds> watchdog_interval() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(/*unset_environment=*/0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::microseconds(microseconds);
}

std::vector<Fd> take_listeners() {
  std::vector<Fd> listeners;
  const int count = std::max(::sd_listen_fds(/*unset_environment=*/1), 0);
  listeners.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    listeners.push_back(Fd::own(SD_LISTEN_FDS_START + i));
  return listeners;
}

Listener kind_of(const Fd& listener) {
  const int fd = listener.get();
  if (::sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0) return Listener::kStreamUnix;
  if (::sd_is_socket(fd, AF_UNIX, SOCK_SEQPACKET, 1) > 0) return Listener::kSeqpacketUnix;
  if (::sd_is_socket_inet(fd, AF_INET, SOCK_STREAM, 1, 0) > 0 ||
      ::sd_is_socket_inet(fd, AF_INET6, SOCK_STREAM, 1, 0) > 0) {
    return Listener::kStreamTcp;
  }
  return Listener::kOther;
}

}  // namespace caisson::service
