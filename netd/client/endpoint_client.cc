#include "netd/client/endpoint_client.hh"

#include <sys/socket.h>

#include "netd/client/channel.hh"
#include "netd/client/endpoint_protocol.hh"

namespace caisson::netd {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kReplyTimeout{3};

Result<bool> flag(const std::string& operation, const Json& object, const char* name) {
  const Json* found = member(object, name, Json::value_t::boolean);
  if (found == nullptr) return protocol_error(operation, std::string("lacks the flag ") + name);
  return found->get<bool>();
}

Result<Ipv4Address> address(const std::string& operation, const Json& object, const char* name) {
  TRY(const auto value, number(operation, object, name));
  return Ipv4Address{static_cast<std::uint32_t>(value)};
}

Result<std::vector<std::string>> texts(const std::string& operation, const Json& object, const char* name) {
  const Json* list = member(object, name, Json::value_t::array);
  if (list == nullptr) return protocol_error(operation, std::string("lacks the list ") + name);
  std::vector<std::string> all;
  for (const Json& item : *list) {
    if (!item.is_string()) return protocol_error(operation, std::string("has no texts in ") + name);
    all.push_back(item.get<std::string>());
  }
  return all;
}

Result<FabricClient> read_client(const std::string& op, const Json& members) {
  FabricClient client;
  TRY(client.account, text(op, members, "account"));
  TRY(client.vpc, text(op, members, "vpc"));
  TRY(client.subnet, text(op, members, "subnet"));
  TRY(client.eni, text(op, members, "eni"));
  TRY(client.address, address(op, members, "private_address"));
  TRY(client.managed, flag(op, members, "managed"));
  TRY(client.dns_support, flag(op, members, "dns_support"));
  TRY(const auto base, address(op, members, "cidr_base"));
  TRY(const auto length, number(op, members, "cidr_length"));
  if (length > 32) return protocol_error(op, "has no block of a VPC");
  client.vpc_cidr = Ipv4Cidr(base, static_cast<int>(length));
  TRY(client.users, texts(op, members, "users"));
  if (members.contains("slot")) {
    TRY(const auto slot, number(op, members, "slot"));
    client.slot = static_cast<std::uint32_t>(slot);
  }
  return client;
}

/// netd ends a connection over what it does not take.
bool may_be_token(const std::string& token) {
  return token.size() <= kLongestToken && token.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

struct EndpointClient::Impl : Channel {
  using Channel::Channel;
};

EndpointClient::EndpointClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EndpointClient::~EndpointClient() = default;

Result<std::unique_ptr<EndpointClient>> EndpointClient::connect(const std::string& path) {
  TRY(Fd socket, connect_to(path));
  return std::unique_ptr<EndpointClient>(
      new EndpointClient(std::make_unique<Impl>(std::move(socket), kReplyTimeout)));
}

Result<std::vector<FabricSocket>> EndpointClient::sockets() {
  const std::string op = "Sockets";
  TRY(Reply reply, impl_->request({{"op", op}}));
  TRY(const auto names, texts(op, reply.members, "names"));
  if (names.size() != reply.descriptors.size()) return protocol_error(op, "names other descriptors");
  std::vector<FabricSocket> sockets;
  for (std::size_t i = 0; i < names.size(); ++i) {
    sockets.push_back({.name = names[i], .socket = std::move(reply.descriptors[i])});
  }
  return sockets;
}

Result<RevisionWatch> EndpointClient::revision() {
  Json members;
  TRY(const Fd descriptor, impl_->request_descriptor({{"op", "Revision"}}, members));
  return RevisionWatch::map(descriptor);
}

Result<FabricClient> EndpointClient::resolve(Ipv4Address identity, std::uint16_t port) {
  const std::string op = "ResolveClient";
  TRY(const Reply reply, impl_->request({{"op", op}, {"address", identity.value}, {"port", port}}));
  return read_client(op, reply.members);
}

Result<FabricConnection> EndpointClient::resolve(Ipv4Address identity, std::uint16_t port,
                                                 Ipv4Address local) {
  const std::string op = "ResolveConnection";
  TRY(const Reply reply,
      impl_->request(
          {{"op", op}, {"address", identity.value}, {"port", port}, {"local_address", local.value}}));
  FabricConnection connection;
  TRY(connection.client, read_client(op, reply.members));
  TRY(connection.service, text(op, reply.members, "service"));
  TRY(connection.endpoint, text(op, reply.members, "endpoint"));
  return connection;
}

Result<VerifyingKey> EndpointClient::key(const std::string& access_key_id, const std::string& token,
                                         const sigv4::Scope& scope) {
  const std::string op = "Key";
  if (!may_be_token(token)) {
    return Error{.code = "InvalidClientTokenId",
                 .message = "The security token included in the request is invalid."};
  }
  TRY(const Reply reply, impl_->request({{"op", op},
                                         {"access_key_id", access_key_id},
                                         {"token", token},
                                         {"date", scope.date},
                                         {"region", scope.region},
                                         {"service", scope.service}}));
  TRY(const auto digits, text(op, reply.members, "key"));
  const auto bytes = sigv4::parse_hex(digits);
  if (!bytes) return protocol_error(op, "has no key");
  VerifyingKey key{.account = {}, .function = {}, .key = sigv4::SigningKey(*bytes)};
  TRY(key.account, text(op, reply.members, "account"));
  TRY(key.function, text(op, reply.members, "function"));
  TRY(const auto expires, number(op, reply.members, "expires"));
  key.expires = static_cast<std::int64_t>(expires);
  return key;
}

Result<std::string> EndpointClient::policy(const std::string& endpoint) {
  const std::string op = "Policy";
  TRY(const Reply reply, impl_->request({{"op", op}, {"endpoint", endpoint}}));
  return text(op, reply.members, "document");
}

Result<bool> EndpointClient::has_address(const std::string& vpc, Ipv4Address address) {
  const std::string op = "FindAddress";
  TRY(const Reply reply, impl_->request({{"op", op}, {"vpc", vpc}, {"address", address.value}}));
  return flag(op, reply.members, "found");
}

bool EndpointClient::is_over() const {
  const std::lock_guard lock(impl_->turn);
  char none = 0;
  return ::recv(impl_->socket.get(), &none, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

}  // namespace caisson::netd
