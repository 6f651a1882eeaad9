#include "netd/core/reconciler.hh"

#include "vpc/compile/compile.hh"

namespace caisson::netd::core {
namespace {

using reconcile::DeleteEntry;
using reconcile::MakeMember;
using reconcile::OpenMember;
using reconcile::Operation;
using reconcile::Plan;
using reconcile::PutEntry;

std::string text_of(const Operation& operation) {
  return operation.name() + " " + operation.object();
}

/// So often a comparison is repeated beside the changes; then they wait for it.
constexpr int kAttempts = 3;

/// A failure of these leaves what the model determines as it was planned, but for links, which are looked at.
bool leaves_known(const Operation& operation) {
  return std::holds_alternative<MakeMember>(operation.what) ||
         std::holds_alternative<OpenMember>(operation.what) ||
         std::holds_alternative<reconcile::Repair>(operation.what) ||
         std::holds_alternative<reconcile::DeletePin>(operation.what) ||
         std::holds_alternative<reconcile::DeleteTable>(operation.what);
}

}  // namespace

Result<std::unique_ptr<Reconciler>> Reconciler::make(Fabric& fabric) {
  TRY(auto writing, fabric.open_eyes());
  TRY(auto comparing, fabric.open_eyes());
  return std::unique_ptr<Reconciler>(new Reconciler(fabric, std::move(writing), std::move(comparing)));
}

/// Writes or deletes entries of one map together, from `first` on. How many operations these were; 0: they are to be
/// done one by one.
std::size_t Reconciler::execute_run(const Plan& plan, std::size_t first) {
  std::size_t end = first;
  if (const auto* put = std::get_if<PutEntry>(&plan[first].what)) {
    std::vector<kernel::Datapath::Entry> entries;
    for (; end < plan.size(); ++end) {
      const auto* next = std::get_if<PutEntry>(&plan[end].what);
      if (next == nullptr || next->table != put->table) break;
      entries.push_back({next->key, next->value});
    }
    if (entries.size() < 2 || !fabric_.datapath().put_all(put->table, entries)) return 0;
  } else if (const auto* gone = std::get_if<DeleteEntry>(&plan[first].what)) {
    std::vector<std::string> keys;
    for (; end < plan.size(); ++end) {
      const auto* next = std::get_if<DeleteEntry>(&plan[end].what);
      if (next == nullptr || next->table != gone->table) break;
      keys.push_back(next->key);
    }
    if (keys.size() < 2 || !fabric_.datapath().erase_all(gone->table, keys)) return 0;
  }
  return end - first;
}

void Reconciler::execute(const Plan& plan, Attempt& attempt) {
  for (std::size_t at = 0; at < plan.size();) {
    if (const std::size_t done = execute_run(plan, at); done > 0) {
      at += done;
      continue;
    }
    const Operation& operation = plan[at++];
    const Status done = fabric_.execute(operation);
    if (done) continue;
    attempt.failures.emplace(text_of(operation), Error(done.error()).within(text_of(operation)));
    attempt.certain &= leaves_known(operation);
  }
}

Status Reconciler::carry_out(const vpc::DesiredState& desired, bool all, Attempt& attempt) {
  auto& observed = attempt.observed;
  Plan closed;
  Plan opened;
  for (auto& operation : reconcile::diff_links(desired, observed)) {
    (std::holds_alternative<OpenMember>(operation.what) ? opened : closed).push_back(operation);
  }
  execute(closed, attempt);
  for (const auto& name : reconcile::links_of(closed)) {
    TRYV(fabric_.look(name, observed));
  }
  std::vector<Ipv4Cidr> forbidden;
  if (all) {
    TRY(forbidden, fabric_.forbidden_exits());
  }
  attempt.written =
      reconcile::desired_tables(desired, reconcile::indexes_of(observed), observed.tables, forbidden);
  const auto before = attempt.failures.size();
  execute(reconcile::diff_tables(attempt.written, observed.tables), attempt);
  if (attempt.failures.size() == before) {
    execute(opened, attempt);
  } else {
    // No link is opened on tables that are not whole.
    for (const auto& operation : opened) {
      attempt.failures.emplace(text_of(operation), attempt.failures.begin()->second);
    }
  }
  const auto leftovers = reconcile::diff_leftovers(desired, observed);
  execute(leftovers, attempt);
  for (const Plan& plan : {opened, leftovers}) {
    for (const auto& name : reconcile::links_of(plan)) {
      TRYV(fabric_.look(name, observed));
    }
  }
  return ok();
}

Result<Plan> Reconciler::plan_parts(Scope scope, Eyes& eyes) const {
  if (scope == Scope::kModel) return Plan();
  reconcile::Amiss amiss;
  if (scope == Scope::kAll) {
    TRY(amiss, fabric_.amiss(eyes));
  }
  TRY(const auto pins, fabric_.datapath().pins());
  auto plan = reconcile::diff_parts(amiss, pins.unknown);
  TRY(const auto strays, fabric_.strays(eyes));
  for (const auto& stray : reconcile::diff_strays(fabric_.name(), strays)) {
    plan.push_back(stray);
  }
  if (scope == Scope::kAll) return plan;
  TRY(const auto interrupted, fabric_.interrupted_attaches());
  plan.insert(plan.end(), interrupted.begin(), interrupted.end());
  return plan;
}

Result<Reconciler::Failures> Reconciler::reconcile_all(const vpc::State& state, Scope scope) {
  known_.reset();
  Attempt attempt;
  TRY(const auto parts, plan_parts(scope, eyes_));
  execute(parts, attempt);
  TRY(attempt.observed, fabric_.observe(eyes_));
  for (const auto& operation : reconcile::diff_links(vpc::compile(*written_), attempt.observed)) {
    failures_.emplace(text_of(operation), Error{});
  }
  TRYV(carry_out(vpc::compile(state), /*all=*/true, attempt));
  if (attempt.certain) {
    known_ = reconcile::Known{.links = std::move(attempt.observed),
                              .generations = reconcile::generations_of(attempt.written)};
    known_->links.tables.clear();
  }
  return std::move(attempt.failures);
}

Result<Reconciler::Failures> Reconciler::reconcile_part(const vpc::State& state,
                                                        const std::set<vpc::VpcId>& touched) {
  const auto before = vpc::compile(*written_, touched);
  const auto after = vpc::compile(state, touched);
  if (before == after) return failures_;
  auto known = std::move(*known_);
  known_.reset();  // until all has gone well
  Attempt attempt{.observed = reconcile::known_part(known, before, after)};
  const auto links = attempt.observed;
  TRYV(carry_out(after, /*all=*/false, attempt));
  Failures failures = std::move(attempt.failures);
  for (const auto& [what, error] : failures_) {
    const std::string name = what.substr(what.find(' ') + 1);
    const bool of_part = before.members.contains(name) || after.members.contains(name);
    if (!of_part) failures.emplace(what, error);
  }
  if (attempt.certain) {
    reconcile::note_links(known, links, attempt.observed);
    reconcile::note_written(known, before, attempt.written);
    known_ = std::move(known);
  }
  return failures;
}

Status Reconciler::conclude(Result<Failures> failures) {
  if (!failures) failures = Failures{{"observe", failures.error()}};
  Status result = ok();
  for (const auto& [what, error] : failures.value()) {
    // What was amiss before is nobody's fault who asks now; it is tried again with the whole.
    if (result && !failures_.contains(what)) result = error;
  }
  failures_ = std::move(failures).value();
  const std::lock_guard lock(failure_mutex_);
  last_failure_ = failures_.empty() ? "" : failures_.begin()->second.text();
  return result;
}

Status Reconciler::apply_all(StatePointer state) {
  const std::lock_guard lock(mutex_);
  ++changes_;
  auto failures = reconcile_all(*state, Scope::kAll);
  written_ = std::move(state);
  return conclude(std::move(failures));
}

Status Reconciler::start(StatePointer state) {
  const std::lock_guard lock(mutex_);
  ++changes_;
  auto failures = reconcile_all(*state, Scope::kStart);
  written_ = std::move(state);
  return conclude(std::move(failures));
}

Status Reconciler::apply(StatePointer state, const std::set<vpc::VpcId>& touched) {
  const std::lock_guard lock(mutex_);
  ++changes_;
  auto failures = known_ ? reconcile_part(*state, touched) : reconcile_all(*state, Scope::kModel);
  written_ = std::move(state);
  return conclude(std::move(failures));
}

Result<Plan> Reconciler::compare() {
  const std::lock_guard turn(comparing_mutex_);
  std::optional<Plan> doubtful;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    StatePointer state;
    std::uint64_t seen = 0;
    {
      const std::lock_guard lock(mutex_);
      state = written_;
      seen = changes_;
    }
    TRY(auto plan, difference(*state, comparing_));
    {
      const std::lock_guard lock(mutex_);
      if (changes_ == seen) return plan;
    }
    // Among commands that never pause there is no such moment. What they were in the midst of differs each time.
    doubtful = doubtful ? reconcile::in_both(plan, *doubtful) : std::move(plan);
    if (reconcile::only_reports(*doubtful)) return *doubtful;
  }
  const std::lock_guard lock(mutex_);
  return difference(*written_, comparing_);
}

Result<Plan> Reconciler::difference(const vpc::State& state, Eyes& eyes) const {
  const auto desired = vpc::compile(state);
  TRY(const auto observed, fabric_.observe(eyes));
  TRY(const auto forbidden, fabric_.forbidden_exits());
  TRY(auto plan, plan_parts(Scope::kAll, eyes));
  TRY(const auto interrupted, fabric_.interrupted_attaches());
  plan.insert(plan.end(), interrupted.begin(), interrupted.end());
  for (const auto& part :
       {reconcile::diff_links(desired, observed),
        reconcile::diff_tables(
            reconcile::desired_tables(desired, reconcile::indexes_of(observed), observed.tables, forbidden),
            observed.tables),
        reconcile::diff_leftovers(desired, observed)}) {
    plan.insert(plan.end(), part.begin(), part.end());
  }
  return plan;
}

Result<reconcile::Indexes> Reconciler::members() {
  const std::lock_guard lock(mutex_);
  reconcile::ObservedState links;
  if (!known_) {
    TRY(links, fabric_.observe_links(eyes_));
  }
  reconcile::Indexes indexes;
  for (const auto& [name, port] : known_ ? known_->links.members : links.members) {
    indexes[name] = port.index;
  }
  return indexes;
}

Result<std::set<std::uint32_t>> Reconciler::ports() {
  const std::lock_guard turn(comparing_mutex_);
  return Fabric::link_indexes(comparing_);
}

std::string Reconciler::last_failure() const {
  const std::lock_guard lock(failure_mutex_);
  return last_failure_;
}

}  // namespace caisson::netd::core
