// Brings the kernel to a State: observe, diff, execute. What was written is remembered, so that a command costs what
// its VPCs hold and not what all hold.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "netd/core/fabric.hh"
#include "netd/reconcile/known.hh"
#include "vpc/model/state.hh"

namespace caisson::netd::core {

/// Thread-safe: one call at a time has the fabric, the others wait. Who compares looks beside them.
class Reconciler {
 public:
  using StatePointer = std::shared_ptr<const vpc::State>;

  static Result<std::unique_ptr<Reconciler>> make(Fabric& fabric);

  /// The whole model with the whole kernel, and what every instance has: at start, and while something is amiss. An
  /// error: something failed that was not amiss before; a member of one account whose namespace is gone must not fail
  /// the requests of the others.
  Status apply_all(StatePointer state);
  /// The same right after Fabric::open(), which leaves what every instance has as it should be.
  Status start(StatePointer state);
  /// As apply_all(), where `state` differs in these VPCs alone from the one that was applied last. Reads the kernel
  /// only if what it holds is in doubt.
  Status apply(StatePointer state, const std::set<vpc::VpcId>& touched);

  /// What apply_all() of the last state would do: empty when kernel and model agree. Changes go on meanwhile; what was
  /// seen while one was made is looked at again.
  Result<reconcile::Plan> compare();

  /// Interface indexes of the members, by name.
  Result<reconcile::Indexes> members();

  /// Interface indexes of all links in the fabric.
  Result<std::set<std::uint32_t>> ports();

  /// Whether the last call left something undone; one such thing.
  [[nodiscard]] bool degraded() const { return !last_failure().empty(); }
  [[nodiscard]] std::string last_failure() const;

 private:
  /// What of a plan failed: "OpenMember cm00000004" and why.
  using Failures = std::map<std::string, Error>;
  struct Attempt {
    reconcile::ObservedState observed;
    reconcile::Tables written;
    Failures failures;
    bool certain = true;  ///< what the kernel holds can be told from what was written
  };
  enum class Scope {
    kModel,  ///< what the model determines
    kStart,  ///< and, while no slot is served, what an earlier daemon left behind
    kAll,    ///< and what every instance has
  };
  Reconciler(Fabric& fabric, Eyes writing, Eyes comparing)
      : fabric_(fabric), eyes_(std::move(writing)), comparing_(std::move(comparing)) {}
  Result<reconcile::Plan> plan_parts(Scope scope, Eyes& eyes) const;
  Result<reconcile::Plan> difference(const vpc::State& state, Eyes& eyes) const;
  Result<Failures> reconcile_all(const vpc::State& state, Scope scope);
  Result<Failures> reconcile_part(const vpc::State& state, const std::set<vpc::VpcId>& touched);
  /// `all`: `desired` is all that there should be, not some VPCs' part of it.
  Status carry_out(const vpc::DesiredState& desired, bool all, Attempt& attempt);
  void execute(const reconcile::Plan& plan, Attempt& attempt);
  std::size_t execute_run(const reconcile::Plan& plan, std::size_t first);
  Status conclude(Result<Failures> failures);

  Fabric& fabric_;
  mutable std::mutex mutex_;
  Eyes eyes_;
  std::uint64_t changes_ = 0;   ///< how often one of the apply...() was called
  std::mutex comparing_mutex_;  ///< taken before mutex_
  Eyes comparing_;              ///< by comparing_mutex_
  StatePointer written_ = std::make_shared<const vpc::State>();  ///< the last one that was applied
  std::optional<reconcile::Known> known_;                        ///< nothing: look
  Failures failures_;  ///< what failed then; during the next, also what was amiss before it
  mutable std::mutex failure_mutex_;
  std::string last_failure_;  ///< one of them
};

}  // namespace caisson::netd::core
