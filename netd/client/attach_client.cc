#include "netd/client/attach_client.hh"

#include <nlohmann/json.hpp>

#include "netd/client/attach_protocol.hh"
#include "netd/client/channel.hh"

namespace caisson::netd {

namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kReplyTimeout{10};

}  // namespace

struct AttachClient::Impl : Channel {
  using Channel::Channel;
};

AttachClient::AttachClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AttachClient::~AttachClient() = default;

std::unique_ptr<AttachClient> AttachClient::over(Fd socket) {
  return std::unique_ptr<AttachClient>(
      new AttachClient(std::make_unique<Impl>(std::move(socket), kReplyTimeout)));
}

Result<std::unique_ptr<AttachClient>> AttachClient::connect(const std::string& path) {
  TRY(Fd socket, connect_to(path));
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
