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

#include "netd/client/shared_revision.hh"
#include "netd/core/backend.hh"
#include "netd/core/fabric.hh"
#include "netd/core/growth.hh"
#include "netd/core/reconciler.hh"
#include "netd/core/slots.hh"
#include "netd/core/store.hh"
#include "netd/reconcile/shares.hh"

namespace caisson::netd::core {

class Daemon : public Backend {
 public:
  /// Replays the store and brings the kernel to the model. `key_file` seals the access keys' secrets. After so many
  /// commands, and as many as there are resources, a snapshot takes the commands' place in the store.
  static Result<std::unique_ptr<Daemon>> start(Store store, Fabric fabric, const std::string& key_file,
                                               std::size_t compact_after);
  /// Finishes what was submitted.
  ~Daemon() override;

  void submit(Request request, Reply reply) override;
  [[nodiscard]] std::shared_ptr<const vpc::State> snapshot() const override;
  [[nodiscard]] Result<accounts::Signer> find_signer(const std::string& access_key_id,
                                                     const sigv4::Scope& scope) const override;
  [[nodiscard]] Result<accounts::SessionSigner> find_session(const std::string& access_key_id,
                                                             const std::string& token,
                                                             const sigv4::Scope& scope,
                                                             std::int64_t now) const override;
  /// See KeyRing::mint(). Any thread.
  [[nodiscard]] Result<accounts::SessionCredentials> mint_session(const vpc::AccountId& account,
                                                                  const std::string& function,
                                                                  std::int64_t now,
                                                                  std::int64_t seconds) const;
  Result<nlohmann::json> inspect(const vpc::AccountId& account, const std::string& what,
                                 const nlohmann::json& parameters) override;
  std::string metrics() override;
  nlohmann::json health() override;

  Slots& slots() { return *slots_; }
  /// Goes up with each snapshot(), before a caller hears of it. Any thread.
  [[nodiscard]] const SharedRevision& shared_revision() const { return *shared_revision_; }
  /// What does not change after start(): maps and sockets. Any thread.
  [[nodiscard]] const Fabric& fabric() const { return fabric_; }
  /// Any thread; returns at once. The interface gets another address if its blocks of ports run low.
  void grow_if_low(const std::string& interface);

  /// Waits until an access key has ceased to be since `seen` (State::access_key_revision), or for `patience`, or until
  /// stop_waiting(). The present revision.
  std::uint64_t wait_for_revocation(std::uint64_t seen, std::chrono::milliseconds patience);
  void stop_waiting();

 private:
  Daemon(Store store, Fabric fabric) : store_(std::move(store)), fabric_(std::move(fabric)) {}
  Status replay();
  void count_policies();
  Status open_key_ring(const std::string& key_file);
  Error take_back(std::uint64_t revision, const std::set<vpc::VpcId>& touched,
                  const std::shared_ptr<const vpc::State>& before,
                  const std::shared_ptr<const vpc::State>& after, Error refused);
  void publish(const std::shared_ptr<const vpc::State>& state, std::uint64_t revision);
  Result<nlohmann::json> change(const Request& request);
  void post(std::function<void()> work);
  void run();
  /// A thread of its own: the kernel is compared with the model beside the commands, which don't wait for it.
  void look_after();
  void check();
  /// The writer's: every two seconds, slots that nobody claims and interfaces that are short of ports.
  void tidy();
  /// A thread of its own, since its cost grows with the flows.
  void sweep_maps();
  /// The sweeper's: what a snapshot costs grows with the model. The writer only stores it.
  void compact_if_due();
  void grow();
  Status sweep_ports();

  Store store_;
  Fabric fabric_;
  std::unique_ptr<Slots> slots_;
  Growth growth_{[this](Request request, Reply reply) { submit(std::move(request), std::move(reply)); }};
  mutable std::mutex state_mutex_;
  std::shared_ptr<const vpc::State> state_ = std::make_shared<const vpc::State>();
  std::uint64_t revision_ = 0;           ///< by state_mutex_: the stored record that made `state_`
  std::uint64_t snapshot_revision_ = 0;  ///< by state_mutex_
  std::size_t compact_after_ = 0;
  Slots::Clock::time_point
      next_snapshot_;  ///< the sweeper's: not before it, if the last one could not be stored
  std::unique_ptr<Reconciler> reconciler_;
  std::optional<SharedRevision> shared_revision_;  ///< set by start()
  reconcile::PolicyUse policy_use_;                ///< the writer's
  std::optional<accounts::KeyRing> key_ring_;
  std::condition_variable_any state_changed_;  ///< with state_mutex_
  bool waiting_is_over_ = false;               ///< by state_mutex_

  std::optional<kernel::Watch> watch_;
  std::atomic<bool> changed_{false};    ///< by us or by others, since check() looked
  std::atomic<bool> repairing_{false};  ///< what check() found is in the writer's queue
  std::thread watcher_;
  std::thread checker_;
  Slots::Clock::time_point next_check_;  ///< the checker's, as is
  Slots::Clock::time_point next_look_;   ///< not before it, whatever has changed
  std::mutex drops_mutex_;
  std::map<std::string, double> gone_drops_;  ///< of ports that are gone, by reason

  std::mutex queue_mutex_;
  std::condition_variable queue_changed_;
  std::deque<std::function<void()>> queue_;
  std::condition_variable stopped_;
  std::condition_variable look_;  ///< as the others, with queue_mutex_
  bool stopping_ = false;
  std::thread writer_;
  std::thread sweeper_;
};

}  // namespace caisson::netd::core
