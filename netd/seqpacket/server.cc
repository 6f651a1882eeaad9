#include "netd/seqpacket/server.hh"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>

#include "netd/client/attach_protocol.hh"

namespace caisson::netd::seqpacket {
namespace {

constexpr int kPauseMilliseconds = 100;
/// runnerd has three. Each takes a thread.
constexpr std::size_t kMostConnections = 64;
constexpr std::size_t kMostDescriptors = 8;

bool is_allowed(int connection, unsigned uid) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == uid || peer.uid == 0);
}

bool send_reply(int connection, const nlohmann::json& reply, const std::vector<Fd>& descriptors) {
  std::vector<std::uint8_t> bytes = nlohmann::json::to_cbor(reply);
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  if (!descriptors.empty()) {
    const std::size_t size = descriptors.size() * sizeof(int);
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
      const int raw = descriptors[i].get();
      std::memcpy(CMSG_DATA(header) + i * sizeof raw, &raw, sizeof raw);
    }
  }
  return ::sendmsg(connection, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

/// The socket has its mode from the moment it exists: umask is the process's, so it is made in one thread at start.
Result<Fd> Server::listen(const std::string& path, unsigned uid) {
  Fd listener = Fd::own(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!listener) return Error::system(errno, "make", "a socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error::system(ENAMETOOLONG, "listen at", path);
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::system(errno, "replace", path);
  const mode_t before = ::umask(0177);
  const int bound = ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int reason = errno;
  (void)::umask(before);
  if (bound != 0) return Error::system(reason, "listen at", path);
  if (uid != 0 && ::chown(path.c_str(), uid, static_cast<gid_t>(-1)) != 0)
    return Error::system(errno, "own", path);
  if (::listen(listener.get(), 8) != 0) return Error::system(errno, "listen at", path);
  return listener;
}

std::unique_ptr<Server> Server::start(Protocol protocol, Fd listener, unsigned uid) {
  std::unique_ptr<Server> server(new Server(std::move(protocol), uid, std::move(listener)));
  server->acceptor_ = std::thread([raw = server.get()] { raw->accept_all(); });
  return server;
}

Server::~Server() {
  stopping_ = true;
  protocol_.stop();
  (void)::shutdown(listener_.get(), SHUT_RDWR);
  if (acceptor_.joinable()) acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& connection : connections_) {
      (void)::shutdown(connection.socket.get(), SHUT_RDWR);
    }
  }
  for (auto& connection : connections_) {
    connection.thread.join();
  }
}

void Server::forget_ended() {
  const std::lock_guard lock(mutex_);
  for (auto it = connections_.begin(); it != connections_.end();) {
    if (!it->ended) {
      ++it;
      continue;
    }
    it->thread.join();
    it = connections_.erase(it);
  }
}

void Server::accept_all() {
  Connection number = 0;
  while (!stopping_) {
    Fd socket = Fd::own(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        // The peer waits in the queue. There is no event for a descriptor that becomes free.
        forget_ended();
        (void)::poll(nullptr, 0, kPauseMilliseconds);
        continue;
      }
      return;
    }
    forget_ended();
    if (!is_allowed(socket.get(), uid_)) continue;
    const std::lock_guard lock(mutex_);
    if (connections_.size() >= kMostConnections) continue;
    Served& connection = connections_.emplace_back();
    connection.socket = std::move(socket);
    try {
      connection.thread = std::thread([this, &connection, mine = ++number] {
        serve(connection.socket, mine);
        connection.ended = true;
      });
    } catch (const std::system_error& none_to_be_had) {
      spdlog::warn("{}: a connection is closed: {}", protocol_.name, none_to_be_had.what());
      connections_.pop_back();
    }
  }
}

void Server::serve(const Fd& connection, Connection number) {
  std::vector<std::uint8_t> bytes(kMaxRequest);
  while (true) {
    iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t received = ::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) break;
    const auto request =
        protocol_.decode({reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(received)});
    if (!request) {
      spdlog::warn("{}: a malformed request; closing the connection", protocol_.name);
      break;
    }
    std::vector<Fd> descriptors;
    const nlohmann::json reply = protocol_.answer(number, *request, descriptors);
    if (!send_reply(connection.get(), reply, descriptors)) break;
    protocol_.log(*request, reply);
  }
  (void)::shutdown(connection.get(), SHUT_RDWR);
  protocol_.ended(number);
}

}  // namespace caisson::netd::seqpacket
