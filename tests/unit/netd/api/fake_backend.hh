// A backend with the real table of operations and the real apply(), but no kernel: commands run on a writer
// thread of its own, so that replies come from another thread, as netd's do.
#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <mutex>

#include "netd/api/operations.hh"
#include "netd/api/services.hh"
#include "netd/core/backend.hh"

namespace caisson::netd::api {

class FakeBackend final : public core::Backend {
 public:
  ~FakeBackend() override { writer_.join(); }

  void submit(core::Request request, Reply reply) override {
    boost::asio::post(
        writer_, [this, request = std::move(request), reply = std::move(reply)] { reply(run(request)); });
  }

  [[nodiscard]] std::shared_ptr<const vpc::State> snapshot() const override {
    const std::lock_guard lock(mutex_);
    return state_;
  }

  /// "AKIDEXAMPLE" and the secret "secret" are the account's 111122223333.
  [[nodiscard]] Result<accounts::Signer> find_signer(const std::string& access_key_id,
                                                     const sigv4::Scope& scope) const override {
    if (access_key_id != "AKIDEXAMPLE") return Error{.code = "UnknownKey"};
    return accounts::Signer{.account = {"111122223333"}, .key = sigv4::SigningKey::derive("secret", scope)};
  }

  /// "ASIAEXAMPLE" with the token "token" and the secret "secret" is a session of the account 111122223333; the token
  /// "ended" is one that has ended.
  [[nodiscard]] Result<accounts::SessionSigner> find_session(const std::string& access_key_id,
                                                             const std::string& token,
                                                             const sigv4::Scope& scope,
                                                             std::int64_t) const override {
    if (token == "ended") return Error{.code = "ExpiredToken"};
    if (access_key_id != "ASIAEXAMPLE" || token != "token") return Error{.code = "InvalidClientTokenId"};
    return accounts::SessionSigner{.session = {.account = {"111122223333"},
                                               .function = "f",
                                               .access_key_id = access_key_id,
                                               .expires = 0},
                                   .key = sigv4::SigningKey::derive("secret", scope)};
  }

  Result<nlohmann::json> inspect(const vpc::AccountId& account, const std::string& what,
                                 const nlohmann::json&) override {
    if (what == "Plan") return nlohmann::json{{"Plan", plan}};
    if (what == "DescribeFlows") return Error::system(EPERM, "read", "map flows");
    return nlohmann::json{{"Accounts", {{{"AccountId", account.text}, {"Vpcs", nlohmann::json::array()}}}},
                          {"SlotPool", {{"Total", 8}, {"Free", 7}}}};
  }

  std::string metrics() override {
    if (on_metrics) on_metrics();
    return "caisson_up 1\n";
  }
  nlohmann::json health() override { return {{"Status", status}}; }

  nlohmann::json plan = nlohmann::json::array();
  std::string status = "ok";
  std::function<void()> on_metrics;

 private:
  Result<nlohmann::json> run(const core::Request& request) {
    const auto* operation = find_operation(request.operation);
    TRY(auto command, operation->decode(request.parameters));
    const auto before = snapshot();
    TRY(auto applied, vpc::apply(*before, {.account = request.account,
                                           .seed = ++seed_,
                                           .time = "2026-01-01T00:00:00.000Z",
                                           .command = std::move(command)}));
    auto reply = operation->reply(applied, request.account, request.parameters);
    const std::lock_guard lock(mutex_);
    state_ = std::make_shared<const vpc::State>(std::move(applied.state));
    return reply;
  }

  mutable std::mutex mutex_;
  std::shared_ptr<const vpc::State> state_ = [] {
    vpc::State state;
    state.services = known_services();
    return std::make_shared<const vpc::State>(std::move(state));
  }();
  std::uint64_t seed_ = 0;
  boost::asio::thread_pool writer_{1};
};

}  // namespace caisson::netd::api
