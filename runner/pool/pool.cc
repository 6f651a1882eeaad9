#include "runner/pool/pool.hh"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace caisson::runner {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kLookAgain = std::chrono::seconds(1);

Error retired(const Deployment& deployment) {
  return {.code = "Retired", .message = "deployment " + deployment.id + " is no longer in force"};
}

Error no_room() {
  return {.code = "TooManyRequestsException", .message = "Rate Exceeded."};
}

Error too_late() {
  return {.code = "ServiceException", .message = "No execution environment became available in time."};
}

const char* text(Phase phase) {
  switch (phase) {
    case Phase::kPreparing:
      return "preparing";
    case Phase::kStarting:
      return "starting";
    case Phase::kBusy:
      return "busy";
    case Phase::kIdle:
      return "idle";
    case Phase::kFreezing:
      return "freezing";
    case Phase::kFrozen:
      return "frozen";
    case Phase::kClosing:
      return "closing";
  }
  return "";
}

template <class Made>
bool lacks_slot(const Made& made) {
  return !made && made.error().code == kNoFreeSlot;
}

bool has_ended(const Environment& environment) {
  pollfd exit{.fd = environment.exit_fd(), .events = POLLIN, .revents = 0};
  return exit.fd >= 0 && ::poll(&exit, 1, 0) == 1;
}

}  // namespace

const char* text(StartKind kind) {
  switch (kind) {
    case StartKind::kReused:
      return "reused";
    case StartKind::kThawed:
      return "thawed";
    case StartKind::kRestored:
      return "restored";
    case StartKind::kBooted:
      return "booted";
  }
  return "";
}

Pool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      id_(other.id_),
      environment_(other.environment_),
      how_(other.how_),
      start_duration_(other.start_duration_),
      usable_(other.usable_) {}

Pool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->give_back(id_, usable_);
}

Pool::Pool(EnvironmentFactory& factory, PoolSettings settings)
    : factory_(factory),
      settings_(std::move(settings)),
      wake_(Fd::own(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))) {
  keeper_ = std::thread([this] { keep(); });
}

Pool::~Pool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  wake_keeper();
  keeper_.join();
  freezing_.clear();  // waits for them
  entries_.clear();
}

bool Pool::shut_down(std::chrono::milliseconds patience) {
  Lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  wake_keeper();
  std::vector<EnvironmentId> resting;
  for (const auto& [id, entry] : entries_) {
    if (entry.view.phase == Phase::kIdle || entry.view.phase == Phase::kFrozen) resting.push_back(id);
  }
  evict(lock, resting);
  return changed_.wait_for(lock, patience, [this] { return entries_.empty(); });
}

void Pool::report(const char* what, Moment since, bool succeeded) const {
  if (!settings_.on_start) return;
  settings_.on_start(what, std::chrono::duration<double>(Clock::now() - since).count(), succeeded);
}

void Pool::exhausted(const char* what) const {
  if (settings_.on_exhausted) settings_.on_exhausted(what);
}

PoolView Pool::view_for(const Deployment& deployment) const {
  PoolView view{.environments = {}, .limits = settings_.limits};
  for (const auto& [id, entry] : entries_)
    view.environments.push_back(entry.view);
  view.snapshot = snapshots_.contains(deployment.id);
  view.preparing = preparing_.contains(deployment.id);
  return view;
}

Result<Pool::Lease> Pool::acquire(const DeploymentPointer& deployment) {
  const Moment deadline = Clock::now() + settings_.patience;
  Lock lock(mutex_);
  while (!stopping_) {
    if (deployment->retired) return retired(*deployment);
    const PoolView view = view_for(*deployment);
    const Choice choice =
        choose(view, {.deployment = deployment->id, .memory_bytes = memory_of(*deployment)});
    if (choice.action == Action::kRefuse) {
      exhausted(limit_in_the_way(view));
      return no_room();
    }
    if (choice.action == Action::kWait) {
      if (changed_.wait_until(lock, deadline) == std::cv_status::timeout) return too_late();
      continue;
    }
    Result<Lease> lease = carry_out(lock, choice, deployment);
    // A frozen environment that could not be thawed is gone: look again.
    if (lease || lease.error().code != "Unusable") return lease;
  }
  return too_late();
}

Result<Pool::Lease> Pool::carry_out(Lock& lock, const Choice& choice, const DeploymentPointer& deployment) {
  if (choice.action == Action::kThaw) return thaw(lock, choice.environment);
  if (choice.action != Action::kReuse) return start(lock, choice, deployment);
  Entry& entry = entries_.at(choice.environment);
  if (!has_ended(*entry.environment)) return lease(entry, StartKind::kReused, Clock::now());
  close(lock, choice.environment);
  return Error{.code = "Unusable", .message = {}};
}

Pool::Lease Pool::lease(Entry& entry, StartKind how, Moment since) {
  entry.view.phase = Phase::kBusy;
  Lease lease;
  lease.pool_ = this;
  lease.id_ = entry.view.id;
  lease.environment_ = entry.environment.get();
  lease.how_ = how;
  lease.start_duration_ = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - since);
  return lease;
}

Result<Pool::Lease> Pool::thaw(Lock& lock, EnvironmentId id) {
  Entry& entry = entries_.at(id);  // map entries stay where they are, and a starting one is nobody else's
  entry.view.phase = Phase::kStarting;
  const Moment since = Clock::now();
  lock.unlock();
  const Status thawed = entry.environment->thaw();
  report("thaw", since, static_cast<bool>(thawed));
  lock.lock();
  if (thawed) return lease(entry, StartKind::kThawed, since);
  close(lock, id);
  return Error{.code = "Unusable", .message = thawed.error().message};
}

EnvironmentId Pool::add(const DeploymentPointer& deployment) {
  const EnvironmentId id = next_id_++;
  Entry entry;
  entry.view = {.id = id,
                .deployment = deployment->id,
                .phase = Phase::kStarting,
                .last_used = Clock::now(),
                .memory_bytes = memory_of(*deployment)};
  entry.deployment = deployment;
  entries_.emplace(id, std::move(entry));
  return id;
}

Result<Pool::Lease> Pool::start(Lock& lock, const Choice& choice, const DeploymentPointer& deployment) {
  // The place is taken before the victims go, or another thread would take the room that they leave.
  const EnvironmentId id = add(deployment);
  SnapshotPointer snapshot;
  if (choice.action == Action::kRestore) {
    StoredSnapshot& stored = snapshots_.at(deployment->id);
    stored.last_used = Clock::now();
    snapshot = stored.snapshot;
  }
  evict(lock, choice.evict);
  Moment since;
  auto made = make_with_slot(lock, [&] {
    since = Clock::now();
    auto one = snapshot ? factory_.restore(*deployment, snapshot) : factory_.boot(*deployment);
    if (!lacks_slot(one)) report(snapshot ? "restore" : "boot", since, static_cast<bool>(one));
    return one;
  });
  if (!made) {
    close(lock, id);
    return std::move(made).error();
  }
  Entry& entry = entries_.at(id);
  entry.environment = std::move(made).value();
  return lease(entry, snapshot ? StartKind::kRestored : StartKind::kBooted, since);
}

template <class Make>
auto Pool::make_with_slot(Lock& lock, const Make& make, bool patient) -> decltype(make()) {
  const Moment deadline = Clock::now() + settings_.patience;
  while (true) {
    lock.unlock();
    auto made = make();
    lock.lock();
    if (!lacks_slot(made)) {
      if (!made && made.error().code == "NoFreeUser") exhausted("users");
      return made;
    }
    if (free_a_slot(lock, deadline, patient)) continue;
    if (!patient || stopping_ || Clock::now() >= deadline) {
      exhausted("slots");
      return made;
    }
    // netd doesn't tell when it takes back the slots of a predecessor.
    (void)changed_.wait_for(lock, kLookAgain);
  }
}

bool Pool::free_a_slot(Lock& lock, Moment deadline, bool patient) {
  PoolView view{.environments = {}, .limits = settings_.limits};
  for (const auto& [id, entry] : entries_) {
    // Who is patient looks again before another preparation ends.
    if (!patient || entry.view.phase != Phase::kPreparing) view.environments.push_back(entry.view);
  }
  if (const auto victim = first_victim(view)) {
    evict(lock, {*victim});
    return true;
  }
  return !stopping_ && room_is_coming(view) && changed_.wait_until(lock, deadline) != std::cv_status::timeout;
}

void Pool::evict(Lock& lock, const std::vector<EnvironmentId>& ids) {
  // All are marked first: the lock is let go while each is killed.
  for (const EnvironmentId id : ids)
    entries_.at(id).view.phase = Phase::kClosing;
  for (const EnvironmentId id : ids)
    close(lock, id);
}

void Pool::close(Lock& lock, EnvironmentId id) {
  Entry& entry = entries_.at(id);
  entry.view.phase = Phase::kClosing;
  std::unique_ptr<Environment> environment = std::move(entry.environment);
  lock.unlock();
  environment.reset();
  lock.lock();
  entries_.erase(id);
  changed_.notify_all();
  finish_retirements(lock);
}

void Pool::give_back(EnvironmentId id, bool usable) {
  Lock lock(mutex_);
  Entry& entry = entries_.at(id);
  if (!usable || stopping_ || entry.deployment->retired || has_ended(*entry.environment))
    return close(lock, id);
  entry.view.phase = Phase::kIdle;
  entry.view.last_used = Clock::now();
  changed_.notify_all();
  lock.unlock();
  wake_keeper();
}

Result<EnvironmentId> Pool::reserve(Lock& lock, const DeploymentPointer& deployment) {
  const Moment deadline = Clock::now() + settings_.patience;
  while (!stopping_) {
    if (deployment->retired) return retired(*deployment);
    if (const auto victims = make_room(view_for(*deployment), memory_of(*deployment))) {
      const EnvironmentId id = add(deployment);
      evict(lock, *victims);
      return id;
    }
    if (changed_.wait_until(lock, deadline) == std::cv_status::timeout) {
      exhausted(limit_in_the_way(view_for(*deployment)));
      return no_room();
    }
  }
  return too_late();
}

Status Pool::prepare(const DeploymentPointer& deployment) {
  Lock lock(mutex_);
  // One at a time: who comes second finds the first one's snapshot, or its failure to repeat.
  changed_.wait(lock, [&] { return !preparing_.contains(deployment->id) || stopping_; });
  if (snapshots_.contains(deployment->id)) return ok();
  preparing_.insert(deployment->id);
  const Status prepared = prepare_alone(lock, deployment);
  preparing_.erase(deployment->id);
  changed_.notify_all();
  return prepared;
}

Status Pool::prepare_alone(Lock& lock, const DeploymentPointer& deployment) {
  TRY(const EnvironmentId id, reserve(lock, deployment));
  Result<SnapshotPointer> snapshot = make_with_slot(
      lock,
      [&] {
        const Moment since = Clock::now();
        auto one = factory_.prepare(*deployment, [&] {
          const Lock again(mutex_);
          entries_.at(id).view.phase = Phase::kPreparing;
        });
        if (!lacks_slot(one)) report("prepare", since, static_cast<bool>(one));
        return one;
      },
      /*patient=*/true);
  if (snapshot && !deployment->retired) store(deployment, std::move(snapshot).value());
  close(lock, id);
  if (!snapshot) return std::move(snapshot).error();
  if (deployment->retired) return retired(*deployment);
  return ok();
}

void Pool::store(const DeploymentPointer& deployment, SnapshotPointer snapshot) {
  snapshots_[deployment->id] = {.snapshot = std::move(snapshot), .last_used = Clock::now()};
  std::vector<SnapshotView> views;
  for (const auto& [id, stored] : snapshots_)
    views.push_back({id, stored.snapshot->bytes, stored.last_used});
  for (const std::string& id :
       surplus_snapshots(std::move(views), settings_.snapshot_bytes, deployment->id)) {
    snapshots_.erase(id);
    exhausted("snapshots");
  }
}

void Pool::retire(const DeploymentPointer& deployment, std::function<void()> gone) {
  Lock lock(mutex_);
  deployment->retired = true;
  snapshots_.erase(deployment->id);
  for (auto& [id, entry] : entries_) {
    if (entry.deployment == deployment) entry.view.retired = true;
  }
  retirements_.push_back({deployment, std::move(gone)});
  changed_.notify_all();
  finish_retirements(lock);
  lock.unlock();
  wake_keeper();
}

void Pool::finish_retirements(Lock& lock) {
  std::vector<std::function<void()>> calls;
  std::erase_if(retirements_, [&](Retirement& retirement) {
    // By the id: who looked a function up before it was replaced may have made the same deployment once more, and
    // what is released at its end is what the first one's environments still use.
    const bool left = std::ranges::any_of(
        entries_, [&](const auto& item) { return item.second.deployment->id == retirement.deployment->id; });
    if (!left) calls.push_back(std::move(retirement.gone));
    return !left;
  });
  if (calls.empty()) return;
  lock.unlock();
  for (const auto& call : calls)
    call();
  lock.lock();
}

PoolStats Pool::stats() const {
  const std::lock_guard lock(mutex_);
  PoolStats stats;
  for (const Phase phase : {Phase::kPreparing, Phase::kStarting, Phase::kBusy, Phase::kIdle, Phase::kFreezing,
                            Phase::kFrozen, Phase::kClosing}) {
    stats.environments[text(phase)] = 0;
  }
  for (const auto& [id, entry] : entries_)
    ++stats.environments[text(entry.view.phase)];
  stats.snapshots = snapshots_.size();
  for (const auto& [id, stored] : snapshots_)
    stats.snapshot_bytes += stored.snapshot->bytes;
  return stats;
}

void Pool::start_freezing(Lock& lock, EnvironmentId id) {
  entries_.at(id).view.phase = Phase::kFreezing;
  try {
    freezing_.push_back(std::async(std::launch::async, [this, id] { freeze(id); }));
  } catch (const std::system_error&) {
    // No thread to be had: the machine is short of more than an environment's time.
    close(lock, id);
  }
}

void Pool::freeze(EnvironmentId id) {
  Lock lock(mutex_);
  Entry& entry = entries_.at(id);  // nobody else's while it is freezing
  lock.unlock();
  const Status frozen = entry.environment->freeze();
  lock.lock();
  if (!frozen || stopping_ || entry.deployment->retired) return close(lock, id);
  entry.view.phase = Phase::kFrozen;
  changed_.notify_all();
  // It is to look at this one's exit from now on, and to forget this thread.
  wake_keeper();
}

void Pool::keep() {
  Lock lock(mutex_);
  while (!stopping_) {
    std::erase_if(freezing_, [](const std::future<void>& one) {
      return one.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    });
    std::vector<EnvironmentView> views;
    for (const auto& [id, entry] : entries_)
      views.push_back(entry.view);
    Due due = find_due(views, settings_.ages, Clock::now());
    for (const auto& [id, entry] : entries_) {
      const bool resting = entry.view.phase == Phase::kIdle || entry.view.phase == Phase::kFrozen;
      if (resting && has_ended(*entry.environment)) due.reclaim.push_back(id);
    }
    const auto still = [this](EnvironmentId id, std::initializer_list<Phase> phases) {
      // The lock was let go since the look.
      const auto found = entries_.find(id);
      return found != entries_.end() && std::ranges::find(phases, found->second.view.phase) != phases.end();
    };
    for (const EnvironmentId id : due.reclaim) {
      if (still(id, {Phase::kIdle, Phase::kFrozen})) close(lock, id);
    }
    for (const EnvironmentId id : due.freeze) {
      if (still(id, {Phase::kIdle})) start_freezing(lock, id);
    }
    if (due.reclaim.empty() && due.freeze.empty()) wait_for_work(lock, due.next);
  }
}

void Pool::wait_for_work(Lock& lock, std::optional<Moment> next) {
  // Duplicates, since an environment may be closed by another thread while this one polls its descriptor.
  std::vector<Fd> owned;
  std::vector<pollfd> polled = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  for (const auto& [id, entry] : entries_) {
    const bool resting = entry.view.phase == Phase::kIdle || entry.view.phase == Phase::kFrozen;
    if (!resting || entry.environment->exit_fd() < 0) continue;
    const int copy = ::dup(entry.environment->exit_fd());
    if (copy < 0) continue;
    owned.push_back(Fd::own(copy));
    polled.push_back({.fd = copy, .events = POLLIN, .revents = 0});
  }
  lock.unlock();
  int timeout = -1;
  if (next) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()).count();
    timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
  }
  (void)::poll(polled.data(), polled.size(), timeout);
  std::uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof count);
  lock.lock();
}

void Pool::wake_keeper() {
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

}  // namespace caisson::runner
