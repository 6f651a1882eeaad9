#include "netd/attach/server.hh"

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

#include "base/request_scope.hh"
#include "netd/attach/decode.hh"
#include "netd/attach/requests.hh"
#include "netd/client/attach_protocol.hh"

namespace caisson::netd::attach {
namespace {

constexpr int kPauseMilliseconds = 100;
/// runnerd has three. Each takes a thread.
constexpr std::size_t kMostConnections = 64;

bool is_allowed(int connection, unsigned uid) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == uid || peer.uid == 0);
}

bool send_reply(int connection, const nlohmann::json& reply, const Fd& descriptor) {
  std::vector<std::uint8_t> bytes = nlohmann::json::to_cbor(reply);
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (descriptor) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int raw = descriptor.get();
    std::memcpy(CMSG_DATA(header), &raw, sizeof raw);
  }
  return ::sendmsg(connection, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

/// After the reply, so that nobody waits for the log. An attachment happens once in an environment's life; what happens
/// with each invocation is written where all is asked for. Of members only names are written: a reply can hold keys.
void log_request(const nlohmann::json& request, const nlohmann::json& reply) {
  const std::string operation = request.at("op");
  const bool frequent = operation != "Attach" && !operation.ends_with("FunctionInterface");
  const auto level = frequent ? spdlog::level::debug : spdlog::level::info;
  if (!spdlog::should_log(level)) return;
  const RequestScope scope(request.value("request", ""));
  std::string names;
  for (const char* name : {"account", "user", "slot", "eni", "generation"}) {
    const auto& from = request.contains(name) ? request : reply;
    if (from.contains(name)) names += std::string(" ") + name + "=" + from.at(name).dump();
  }
  spdlog::log(level, "{}{}: {}", operation, names, reply.value("ok", false) ? "ok" : reply.value("code", ""));
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

std::unique_ptr<Server> Server::start(core::Daemon& daemon, Fd listener, unsigned uid) {
  std::unique_ptr<Server> server(new Server(daemon, uid, std::move(listener)));
  server->acceptor_ = std::thread([raw = server.get()] { raw->accept_all(); });
  return server;
}

Server::~Server() {
  stopping_ = true;
  daemon_.stop_waiting();
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
  core::Slots::Connection number = 0;
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
    Connection& connection = connections_.emplace_back();
    connection.socket = std::move(socket);
    try {
      connection.thread = std::thread([this, &connection, mine = ++number] {
        serve(connection.socket, mine);
        connection.ended = true;
      });
    } catch (const std::system_error& none_to_be_had) {
      spdlog::warn("attach: a connection is closed: {}", none_to_be_had.what());
      connections_.pop_back();
    }
  }
}

void Server::serve(const Fd& connection, core::Slots::Connection number) {
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
        decode_request({reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(received)});
    if (!request) {
      spdlog::warn("attach: a malformed request; closing the connection");
      break;
    }
    Fd descriptor;
    const nlohmann::json reply = answer(daemon_, number, *request, descriptor);
    if (!send_reply(connection.get(), reply, descriptor)) break;
    log_request(*request, reply);
  }
  (void)::shutdown(connection.get(), SHUT_RDWR);
  daemon_.slots().abandon(number);
}

}  // namespace caisson::netd::attach
