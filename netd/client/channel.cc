#include "netd/client/channel.hh"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/cbor_depth.hh"
#include "base/request_scope.hh"
#include "netd/client/attach_protocol.hh"

namespace caisson::netd {

namespace {

using Json = nlohmann::json;

/// Room for more descriptors than any reply has, so that a surplus is received (and closed), not leaked.
constexpr std::size_t kMaxDescriptors = 8;
/// The reply, a list in it, and the list's maps. The decoder recurses on what is nested.
constexpr std::size_t kDeepest = 3;

std::vector<Fd> take_descriptors(msghdr& message) {
  std::vector<Fd> taken;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int raw = -1;
      std::memcpy(&raw, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      taken.push_back(Fd::own(raw));
    }
  }
  return taken;
}

}  // namespace

Error protocol_error(const std::string& operation, const std::string& what) {
  return {.code = "ProtocolError", .message = operation + ": netd's reply " + what, .errno_value = EPROTO};
}

const Json* member(const Json& object, const char* name, Json::value_t type) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  if (found == object.end()) return nullptr;
  // CBOR's unsigned integers are what nlohmann calls number_unsigned; netd sends no negative ones.
  return found->type() == type ? &*found : nullptr;
}

Result<std::uint64_t> number(const std::string& operation, const Json& object, const char* name) {
  const Json* found = member(object, name, Json::value_t::number_unsigned);
  if (found == nullptr) return protocol_error(operation, std::string("lacks the number ") + name);
  return found->get<std::uint64_t>();
}

Result<std::string> text(const std::string& operation, const Json& object, const char* name) {
  const Json* found = member(object, name, Json::value_t::string);
  if (found == nullptr) return protocol_error(operation, std::string("lacks the text ") + name);
  return found->get<std::string>();
}

Result<Fd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error::system(ENAMETOOLONG, "connect to", path);
  path.copy(address.sun_path, path.size());
  Fd socket = Fd::own(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return Error::system(errno, "open a socket for", path);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error::system(errno, "connect to", path);
  }
  return socket;
}

Channel::Channel(Fd connected, std::chrono::seconds patience) : socket(std::move(connected)) {
  const timeval limit = {.tv_sec = patience.count(), .tv_usec = 0};
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

Status Channel::send(const std::string& operation, const Json& request) {
  Json marked = request;
  if (!current_request_id().empty()) marked["request"] = current_request_id();
  const std::vector<std::uint8_t> bytes = Json::to_cbor(marked);
  // netd ends a connection that sends a longer one, and with it all that was leased over it.
  if (bytes.size() > kMaxRequest) {
    return Error{.code = "RequestTooLarge", .message = operation + ": the request exceeds 8 KiB"};
  }
  ssize_t sent = 0;
  do {
    sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return Error::system(errno, "send", operation + " to netd");
  return ok();
}

Result<Reply> Channel::receive(const std::string& operation) {
  std::vector<std::uint8_t> bytes(kMaxMessage);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t received = 0;
  do {
    received = ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0) {
    const int reason = errno == EAGAIN ? ETIMEDOUT : errno;
    return Error::system(reason, "receive", "netd's reply to " + operation);
  }
  Reply reply;
  reply.descriptors = take_descriptors(message);
  if (received == 0) return Error::system(ECONNRESET, "receive", "netd's reply to " + operation);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return protocol_error(operation, "is too long");
  bytes.resize(static_cast<std::size_t>(received));
  if (cbor_too_deep({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, kDeepest))
    return protocol_error(operation, "is not one CBOR item, or is nested too deeply");
  reply.members = Json::from_cbor(bytes, /*strict=*/true, /*allow_exceptions=*/false);
  return reply;
}

Result<Reply> Channel::exchange(const std::string& operation, const Json& request) {
  TRYV(send(operation, request));
  TRY(Reply reply, receive(operation));
  const Json* done = member(reply.members, "ok", Json::value_t::boolean);
  if (done == nullptr) return protocol_error(operation, "is not a CBOR map with the member ok");
  if (done->get<bool>()) return reply;
  TRY(std::string code, text(operation, reply.members, "code"));
  TRY(std::string reason, text(operation, reply.members, "message"));
  return Error{.code = std::move(code), .message = std::move(reason)};
}

Result<Reply> Channel::request(const Json& request) {
  const std::lock_guard lock(turn);
  Result<Reply> reply = exchange(request.at("op").get<std::string>(), request);
  // A late or malformed reply would be taken for the next request's.
  if (!reply && reply.error().errno_value != 0) (void)::shutdown(socket.get(), SHUT_RDWR);
  return reply;
}

Result<Fd> Channel::request_descriptor(const Json& asked, Json& members) {
  TRY(Reply reply, request(asked));
  members = std::move(reply.members);
  if (reply.descriptors.size() != 1) {
    return protocol_error(asked.at("op").get<std::string>(),
                          "carries " + std::to_string(reply.descriptors.size()) + " descriptors, not one");
  }
  return std::move(reply.descriptors.front());
}

}  // namespace caisson::netd
