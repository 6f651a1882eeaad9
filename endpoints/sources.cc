#include "endpoints/sources.hh"

#include <ctime>

#include "endpoints/catalog.hh"

namespace caisson::endpoints {
namespace {

/// Keys, and policies, that are held; then all are forgotten.
constexpr std::size_t kMostHeld = 1024;

template <class Map, class Held>
void hold(Map& map, const typename Map::key_type& name, Held&& held) {
  if (map.size() >= kMostHeld) map.clear();
  map.insert_or_assign(name, std::forward<Held>(held));
}

}  // namespace

std::string function_of(const std::vector<std::string>& users) {
  std::string function;
  for (const auto& user : users) {
    const auto name = user.substr(0, user.find('#'));
    if (!function.empty() && name != function) return {};
    function = name;
  }
  return function;
}

Directory::Directory(std::string socket, std::vector<Service> services, Backends& backends)
    : socket_(std::move(socket)), services_(std::move(services)), backends_(backends) {
  auto everything = policies::parse_policy(policies::default_document());
  everything_ = std::make_shared<const policies::Policy>(std::move(everything).value());
}

Sources Directory::sources() {
  return {.resolve = [this](const Peer& peer) { return resolve(peer); },
          .key = [this](const std::string& id, const std::string& token,
                        const sigv4::Scope& scope) { return key(id, token, scope); },
          .policy = [this](const std::string& endpoint) { return policy(endpoint); },
          .backend = [this](const std::string& service,
                            const std::string& account) { return backends_.find(service, account); }};
}

Result<Directory::Connection> Directory::connection() {
  const std::lock_guard lock(mutex_);
  if (connection_ && connection_->client->is_over()) connection_.reset();
  if (!connection_) {
    auto made = std::make_shared<Netd>();
    TRY(made->client, netd::EndpointClient::connect(socket_));
    TRY(auto revision, made->client->revision());
    made->revision.emplace(std::move(revision));
    connection_ = std::move(made);
  }
  return connection_;
}

void Directory::drop(const Connection& broken) {
  const std::lock_guard lock(mutex_);
  if (connection_ == broken) connection_.reset();
}

/// Once more over a new connection where the old one has just ended.
template <class Ask>
auto Directory::ask(const Ask& request) -> decltype(request(std::declval<const Connection&>())) {
  for (bool again = true;; again = false) {
    TRY(const auto netd, connection());
    auto reply = request(netd);
    if (reply || reply.error().errno_value == 0) return reply;
    drop(netd);
    if (!again) return reply;
  }
}

Result<Client> Directory::resolve(const Peer& peer) {
  TRY(const auto found, ask([&](const Connection& netd) {
        return netd->client->resolve(peer.address, peer.port, peer.local_address);
      }));
  const auto* service = find_by_service_name(services_, found.service);
  if (service == nullptr) return Error{.code = "NotFound", .message = "no document has " + found.service};
  const auto& client = found.client;
  return Client{.account = client.account,
                .vpc = client.managed ? "" : client.vpc,
                .endpoint = found.endpoint,
                .service = service->name,
                .eni = client.eni,
                .function = function_of(client.users),
                .private_address = client.address.text()};
}

Result<Key> Directory::key(const std::string& access_key_id, const std::string& token,
                           const sigv4::Scope& scope) {
  const KeyName name{access_key_id, token, scope};
  return ask([&](const Connection& netd) -> Result<Key> {
    if (const auto held = held_key(name, netd)) return *held;
    const auto revision = netd->revision->value();
    TRY(auto found, netd->client->key(access_key_id, token, scope));
    HeldKey made{{netd, revision},
                 {.account = std::move(found.account),
                  .signing_key = found.key,
                  .function = std::move(found.function)},
                 found.expires};
    const std::lock_guard lock(mutex_);
    hold(keys_, name, made);
    return made.key;
  });
}

std::optional<Key> Directory::held_key(const KeyName& name, const Connection& netd) {
  const std::lock_guard lock(mutex_);
  const auto held = keys_.find(name);
  if (held == keys_.end() || !held->second.holds(netd)) return std::nullopt;
  const auto expires = held->second.expires;
  return expires == 0 || std::time(nullptr) < expires ? std::optional(held->second.key) : std::nullopt;
}

Result<PolicyPointer> Directory::policy(const std::string& endpoint) {
  if (endpoint.empty()) return everything_;
  return ask([&](const Connection& netd) -> Result<PolicyPointer> {
    {
      const std::lock_guard lock(mutex_);
      const auto held = policies_.find(endpoint);
      if (held != policies_.end() && held->second.holds(netd)) return held->second.policy;
    }
    const auto revision = netd->revision->value();
    TRY(const auto document, netd->client->policy(endpoint));
    PolicyPointer made = everything_;
    if (!document.empty()) {
      TRY(auto parsed, policies::parse_policy(document));
      made = std::make_shared<const policies::Policy>(std::move(parsed));
    }
    const std::lock_guard lock(mutex_);
    hold(policies_, endpoint, HeldPolicy{{netd, revision}, made});
    return made;
  });
}

}  // namespace caisson::endpoints
