// What the API's sessions need from the daemon: one interface, so that they can be tested without a kernel.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.hh"
#include "netd/accounts/key_ring.hh"
#include "vpc/model/state.hh"

namespace caisson::netd::core {

struct Request {
  vpc::AccountId account;
  std::string operation;
  nlohmann::json parameters;  ///< checked by api::check_parameters
  std::string request_id;
};

class Backend {
 public:
  using Reply = std::function<void(Result<nlohmann::json>)>;
  virtual ~Backend() = default;

  /// Puts a changing operation into the writer's queue. `reply` is called once, on the writer's thread, when the
  /// command is durable and the kernel has it, or with the error. Any thread.
  virtual void submit(Request request, Reply reply) = 0;

  /// The acknowledged state. Any thread.
  [[nodiscard]] virtual std::shared_ptr<const vpc::State> snapshot() const = 0;

  /// Who signs with an access key, and what verifies it within one scope. Error UnknownKey. Any thread.
  [[nodiscard]] virtual Result<accounts::Signer> find_signer(const std::string& access_key_id,
                                                             const sigv4::Scope& scope) const = 0;

  /// Whose session a token states. Errors: InvalidClientTokenId, ExpiredToken. `now`: seconds since 1970. Any thread.
  [[nodiscard]] virtual Result<accounts::SessionSigner> find_session(const std::string& access_key_id,
                                                                     const std::string& token,
                                                                     const sigv4::Scope& scope,
                                                                     std::int64_t now) const = 0;

  /// Answers that come from the kernel and not from the model, for the paths under /v1/: "Describe" (the tree of
  /// `caisson describe`), "DescribeFlows", "DescribeDrops", "Plan". Called off the sessions' threads, may block.
  virtual Result<nlohmann::json> inspect(const vpc::AccountId& account, const std::string& what,
                                         const nlohmann::json& parameters) = 0;

  /// Prometheus text for GET /metrics, and the body of GET /healthz. Any thread.
  virtual std::string metrics() = 0;
  virtual nlohmann::json health() = 0;
};

}  // namespace caisson::netd::core
