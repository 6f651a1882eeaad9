// What the proxy asks the rest of the system, over a connection to netd of its own: its threads may wait, the loop's may not.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "endpoints/backends.hh"
#include "endpoints/model/service.hh"
#include "endpoints/proxy/parties.hh"
#include "netd/client/endpoint_client.hh"

namespace caisson::endpoints {

/// The function that an interface is for: the one that all of its users' names begin with ("resize#DEPLOYMENT"); "" when
/// several share it, or none has it. Pure.
std::string function_of(const std::vector<std::string>& users);

/// Thread-safe.
class Directory {
 public:
  /// `socket` is netd's endpoint.sock; `backends` must outlive it.
  Directory(std::string socket, std::vector<Service> services, Backends& backends);

  /// Of all that they know it is the one owner: it must outlive them.
  Sources sources();

 private:
  Result<Client> resolve(const Peer& peer);
  Result<Key> key(const std::string& access_key_id, const std::string& token, const sigv4::Scope& scope);
  Result<PolicyPointer> policy(const std::string& endpoint);

  struct Netd {
    std::unique_ptr<netd::EndpointClient> client;
    std::optional<netd::RevisionWatch> revision;  ///< set
  };
  using Connection = std::shared_ptr<Netd>;
  Result<Connection> connection();
  void drop(const Connection& broken);
  template <class Ask>
  auto ask(const Ask& request) -> decltype(request(std::declval<const Connection&>()));

  /// What netd said, while its model is as it was.
  struct Held {
    Connection from;
    std::uint64_t revision = 0;
    [[nodiscard]] bool holds(const Connection& now) const {
      return from == now && now->revision->value() == revision;
    }
  };
  struct HeldKey : Held {
    Key key;
    std::int64_t expires = 0;
  };
  struct HeldPolicy : Held {
    PolicyPointer policy;
  };
  using KeyName = std::tuple<std::string, std::string, sigv4::Scope>;  ///< id, token
  std::optional<Key> held_key(const KeyName& name, const Connection& netd);

  const std::string socket_;
  const std::vector<Service> services_;
  Backends& backends_;
  PolicyPointer everything_;  ///< the default policy
  std::mutex mutex_;
  Connection connection_;
  std::map<KeyName, HeldKey> keys_;
  std::map<std::string, HeldPolicy> policies_;  ///< by endpoint
};

}  // namespace caisson::endpoints
