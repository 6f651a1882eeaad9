// The one writer: takes requests in order, applies, stores, reconciles, answers. Recovery at start is the same path
// without a request: load, compile, observe, diff, execute.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "netd/core/backend.hh"
#include "netd/core/fabric.hh"
#include "netd/core/growth.hh"
#include "netd/core/slots.hh"
#include "netd/core/store.hh"
#include "vpc/compile/desired_state.hh"

namespace caisson::netd::core {

class Daemon : public Backend {
 public:
  /// Replays the store and brings the kernel to the model.
  static Result<std::unique_ptr<Daemon>> start(Store store, Fabric fabric);
  /// Finishes what was submitted.
  ~Daemon() override;

  void submit(Request request, Reply reply) override;
  [[nodiscard]] std::shared_ptr<const vpc::State> snapshot() const override;
  Result<nlohmann::json> inspect(const vpc::AccountId& account, const std::string& what,
                                 const nlohmann::json& parameters) override;
  std::string metrics() override;
  nlohmann::json health() override;

  Slots& slots() { return *slots_; }
  /// Any thread; returns at once. The interface gets another address if its blocks of ports run low.
  void grow_if_low(const std::string& interface);

 private:
  Daemon(Store store, Fabric fabric) : store_(std::move(store)), fabric_(std::move(fabric)) {}
  Status replay();
  /// What of a plan failed: "OpenMember cm00000004" and why.
  using Failures = std::map<std::string, Error>;
  enum class Scope {
    kModel,  ///< what the model determines
    kAll,    ///< and what every instance has
    kStart,  ///< and, while no slot is served, what interrupted attaches left
  };
  Result<Failures> reconcile(const vpc::State& state, Scope scope);
  void execute(const reconcile::Plan& plan, Failures& failures);
  /// reconcile(), after which the state is the one that readers get; or an error if something failed that was not amiss before: a member of one account whose
  /// namespace is gone must not fail the requests of the others.
  Status apply_to_kernel(const std::shared_ptr<const vpc::State>& state, Scope scope);
  Error take_back(std::uint64_t revision, const std::shared_ptr<const vpc::State>& before,
                  const std::shared_ptr<const vpc::State>& after, Error refused);
  Result<reconcile::Plan> plan_parts();
  Result<reconcile::Plan> plan();
  Result<nlohmann::json> change(const Request& request);
  void post(std::function<void()> work);
  void run();
  void check();
  void sweep();
  void grow();
  Status sweep_ports();

  Store store_;
  Fabric fabric_;
  std::unique_ptr<Slots> slots_;
  Growth growth_{[this](Request request, Reply reply) { submit(std::move(request), std::move(reply)); }};
  mutable std::mutex state_mutex_;
  std::shared_ptr<const vpc::State> state_ = std::make_shared<const vpc::State>();
  std::mutex kernel_mutex_;    ///< fabric_, between the writer and inspect()
  vpc::DesiredState desired_;  ///< of the last reconcile(); the writer's, as is
  Failures failures_;          ///< what failed then; during the next, also what was amiss before it
  std::string last_failure_;   ///< one of them, for health(); by state_mutex_

  std::optional<kernel::Watch> watch_;
  std::atomic<bool> changed_{false};  ///< by us or by others, since check() looked
  std::thread watcher_;
  Slots::Clock::time_point next_check_;  ///< the writer's, as is
  Slots::Clock::time_point next_look_;   ///< not before it, whatever has changed
  std::mutex drops_mutex_;
  std::map<std::string, double> gone_drops_;  ///< of ports that are gone, by reason

  std::mutex queue_mutex_;
  std::condition_variable queue_changed_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace caisson::netd::core
