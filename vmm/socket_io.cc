#include "vmm/socket_io.hh"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace caisson::vmm {
namespace {

Error disconnected() {
  return {.code = "Disconnected", .message = "the microVM closed its channel"};
}

int milliseconds_until(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000'000));
}

}  // namespace

Error timed_out(std::string_view what) {
  return {.code = "Timeout", .message = "no " + std::string(what) + " in time"};
}

Result<SocketPair> make_socket_pair() {
  int raw[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, raw) != 0) {
    return Error::system(errno, "make", "a socket pair");
  }
  SocketPair pair{.ours = Fd::own(raw[0]), .theirs = Fd::own(raw[1])};
  if (::fcntl(pair.ours.get(), F_SETFL, O_NONBLOCK) != 0)
    return Error::system(errno, "set non-blocking", "a socket");
  return pair;
}

Result<short> wait_for(int fd, short events, Deadline deadline, std::string_view what) {
  pollfd entry{.fd = fd, .events = events, .revents = 0};
  for (;;) {
    const int count = ::poll(&entry, 1, milliseconds_until(deadline));
    if (count > 0) return entry.revents;
    if (count < 0 && errno != EINTR) return Error::system(errno, "poll", "a channel of the microVM");
    if (std::chrono::steady_clock::now() >= deadline) return timed_out(what);
  }
}

Result<bool> read_some(int fd, std::string& into) {
  std::array<char, 64 * 1024> chunk;
  const ssize_t count = ::recv(fd, chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (count > 0) {
    into.append(chunk.data(), static_cast<std::size_t>(count));
    return static_cast<std::size_t>(count) == chunk.size();
  }
  if (count == 0 || errno == ECONNRESET) return disconnected();
  if (errno == EAGAIN || errno == EINTR) return false;
  return Error::system(errno, "read", "a channel of the microVM");
}

Status write_some(int fd, std::string_view& bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return ok();
    if (count < 0 && (errno == EPIPE || errno == ECONNRESET)) return disconnected();
    if (count < 0) return Error::system(errno, "write", "a channel of the microVM");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return ok();
}

Status send_with_fd(int socket, std::string_view bytes, int fd) {
  iovec data{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fd)> space{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = space.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  const ssize_t count = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count == static_cast<ssize_t>(bytes.size())) return ok();
  if (count < 0 && (errno == EPIPE || errno == ECONNRESET)) return disconnected();
  return Error::system(count < 0 ? errno : EAGAIN, "send a descriptor to", "the microVM");
}

}  // namespace caisson::vmm
