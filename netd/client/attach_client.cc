#include "netd/client/attach_client.hh"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/cbor_depth.hh"
#include "base/request_scope.hh"
#include "netd/client/attach_protocol.hh"

namespace caisson::netd {

namespace {

using Json = nlohmann::json;

constexpr timeval kReplyTimeout = {.tv_sec = 10, .tv_usec = 0};
/// Room for more descriptors than any reply has, so that a surplus is received (and closed), not leaked.
constexpr std::size_t kMaxDescriptors = 8;
/// The reply, a list in it, and the list's maps. The decoder recurses on what is nested.
constexpr std::size_t kDeepest = 3;

Error protocol_error(const std::string& operation, const std::string& what) {
  return {.code = "ProtocolError", .message = operation + ": netd's reply " + what, .errno_value = EPROTO};
}

struct Reply {
  Json members;
  std::vector<Fd> descriptors;
};

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

/// A member of the wanted type, or nullptr.
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

}  // namespace

struct AttachClient::Impl {
  Fd socket;
  std::mutex turn;  ///< one request at a time: API workers, the pool's and the reconnecting thread share it

  Result<Reply> request(const Json& request);
  Result<Reply> exchange(const std::string& operation, const Json& request);
  Result<Fd> request_descriptor(const Json& request, Json& members);
  Status send(const std::string& operation, const Json& request);
  Result<Reply> receive(const std::string& operation);
};

Status AttachClient::Impl::send(const std::string& operation, const Json& request) {
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

Result<Reply> AttachClient::Impl::receive(const std::string& operation) {
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

Result<Reply> AttachClient::Impl::exchange(const std::string& operation, const Json& request) {
  TRYV(send(operation, request));
  TRY(Reply reply, receive(operation));
  const Json* done = member(reply.members, "ok", Json::value_t::boolean);
  if (done == nullptr) return protocol_error(operation, "is not a CBOR map with the member ok");
  if (done->get<bool>()) return reply;
  TRY(std::string code, text(operation, reply.members, "code"));
  TRY(std::string reason, text(operation, reply.members, "message"));
  return Error{.code = std::move(code), .message = std::move(reason)};
}

Result<Reply> AttachClient::Impl::request(const Json& request) {
  const std::lock_guard lock(turn);
  Result<Reply> reply = exchange(request.at("op").get<std::string>(), request);
  // A late or malformed reply would be taken for the next request's.
  if (!reply && reply.error().errno_value != 0) (void)::shutdown(socket.get(), SHUT_RDWR);
  return reply;
}

Result<Fd> AttachClient::Impl::request_descriptor(const Json& asked, Json& members) {
  TRY(Reply reply, request(asked));
  members = std::move(reply.members);
  if (reply.descriptors.size() != 1) {
    return protocol_error(asked.at("op").get<std::string>(),
                          "carries " + std::to_string(reply.descriptors.size()) + " descriptors, not one");
  }
  return std::move(reply.descriptors.front());
}

AttachClient::AttachClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AttachClient::~AttachClient() = default;

std::unique_ptr<AttachClient> AttachClient::over(Fd socket) {
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kReplyTimeout, sizeof kReplyTimeout);
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kReplyTimeout, sizeof kReplyTimeout);
  auto impl = std::make_unique<Impl>();
  impl->socket = std::move(socket);
  return std::unique_ptr<AttachClient>(new AttachClient(std::move(impl)));
}

Result<std::unique_ptr<AttachClient>> AttachClient::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error::system(ENAMETOOLONG, "connect to", path);
  path.copy(address.sun_path, path.size());
  Fd socket = Fd::own(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return Error::system(errno, "open a socket for", path);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error::system(errno, "connect to", path);
  }
  return over(std::move(socket));
}

int AttachClient::fd() const {
  return impl_->socket.get();
}

Result<std::vector<FunctionInterface>> AttachClient::ensure(const std::string& account,
                                                            const std::string& user,
                                                            const std::vector<std::string>& subnets,
                                                            const std::vector<std::string>& groups) {
  const std::string op = "EnsureFunctionInterface";
  TRY(Reply reply,
      impl_->request(
          {{"op", op}, {"account", account}, {"user", user}, {"subnets", subnets}, {"groups", groups}}));
  const Json* list = member(reply.members, "interfaces", Json::value_t::array);
  if (list == nullptr || list->empty()) return protocol_error(op, "lists no interfaces");
  std::vector<FunctionInterface> interfaces;
  for (const Json& item : *list) {
    FunctionInterface one;
    TRY(one.id, text(op, item, "id"));
    TRY(one.subnet, text(op, item, "subnet"));
    TRY(one.vpc, text(op, item, "vpc"));
    interfaces.push_back(std::move(one));
  }
  return interfaces;
}

Status AttachClient::release(const std::string& account, const std::string& user) {
  TRYV(impl_->request({{"op", "ReleaseFunctionInterface"}, {"account", account}, {"user", user}}));
  return ok();
}

Result<std::vector<AttachClient::User>> AttachClient::list_users() {
  const std::string op = "ListFunctionInterfaces";
  TRY(Reply reply, impl_->request({{"op", op}}));
  const Json* list = member(reply.members, "users", Json::value_t::array);
  if (list == nullptr) return protocol_error(op, "lists no users");
  std::vector<User> users;
  for (const Json& item : *list) {
    User one;
    TRY(one.account, text(op, item, "account"));
    TRY(one.user, text(op, item, "user"));
    users.push_back(std::move(one));
  }
  return users;
}

Result<LeasedSlot> AttachClient::lease() {
  const std::string op = "LeaseSlot";
  Json members;
  TRY(Fd tap, impl_->request_descriptor({{"op", op}}, members));
  TRY(const std::uint64_t slot, number(op, members, "slot"));
  return LeasedSlot{.slot = static_cast<std::uint32_t>(slot), .tap = std::move(tap)};
}

Result<Attached> AttachClient::attach(std::uint32_t slot, const std::string& eni) {
  const std::string op = "Attach";
  TRY(Reply reply, impl_->request({{"op", op}, {"slot", slot}, {"eni", eni}}));
  Attached attached;
  TRY(attached.generation, number(op, reply.members, "generation"));
  TRY(attached.nanoseconds, number(op, reply.members, "nanoseconds"));
  return attached;
}

Status AttachClient::seal(std::uint32_t slot) {
  TRYV(impl_->request({{"op", "Seal"}, {"slot", slot}}));
  return ok();
}

Status AttachClient::unseal(std::uint32_t slot) {
  TRYV(impl_->request({{"op", "Unseal"}, {"slot", slot}}));
  return ok();
}

Status AttachClient::detach(std::uint32_t slot) {
  TRYV(impl_->request({{"op", "Detach"}, {"slot", slot}}));
  return ok();
}

Status AttachClient::give_back(std::uint32_t slot) {
  TRYV(impl_->request({{"op", "ReturnSlot"}, {"slot", slot}}));
  return ok();
}

Result<Fd> AttachClient::resume(std::uint32_t slot, std::uint64_t generation) {
  Json members;
  return impl_->request_descriptor({{"op", "Resume"}, {"slot", slot}, {"generation", generation}}, members);
}

Result<SigningKeyReply> AttachClient::signing_key(const std::string& access_key_id, const std::string& date,
                                                  const std::string& region, const std::string& service) {
  const std::string op = "SigningKey";
  TRY(Reply reply, impl_->request({{"op", op},
                                   {"access_key_id", access_key_id},
                                   {"date", date},
                                   {"region", region},
                                   {"service", service}}));
  SigningKeyReply answer;
  TRY(answer.account, text(op, reply.members, "account"));
  TRY(answer.key, text(op, reply.members, "key"));
  return answer;
}

Result<SessionCredentialsReply> AttachClient::session_credentials(const std::string& account,
                                                                  const std::string& function,
                                                                  std::uint32_t seconds) {
  const std::string op = "SessionCredentials";
  TRY(Reply reply,
      impl_->request({{"op", op}, {"account", account}, {"function", function}, {"seconds", seconds}}));
  SessionCredentialsReply answer;
  TRY(answer.access_key_id, text(op, reply.members, "access_key_id"));
  TRY(answer.secret_access_key, text(op, reply.members, "secret_access_key"));
  TRY(answer.session_token, text(op, reply.members, "session_token"));
  TRY(answer.expires, number(op, reply.members, "expires"));
  return answer;
}

Result<std::uint64_t> AttachClient::await_revocation(std::uint64_t seen) {
  const std::string op = "AwaitRevocation";
  TRY(Reply reply, impl_->request({{"op", op}, {"seen", seen}}));
  return number(op, reply.members, "revision");
}

}  // namespace caisson::netd
