#include "netd/core/daemon.hh"

#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/request_scope.hh"
#include "netd/api/operations.hh"
#include "netd/api/services.hh"
#include "netd/api/stamped_json.hh"
#include "netd/api/state_json.hh"
#include "netd/core/inspections.hh"
#include "netd/core/metrics.hh"
#include "netd/core/sweep.hh"
#include "netd/kernel/netlink/links.hh"
#include "netd/kernel/netns.hh"
#include "vpc/compile/compile.hh"

namespace caisson::netd::core {
namespace {

constexpr std::chrono::seconds kSweepInterval{2};
constexpr std::chrono::seconds kCheckInterval{60};
constexpr std::chrono::milliseconds kLookPause{300};

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  (void)!::getrandom(&seed, sizeof seed, 0);
  return seed;
}

std::string time_now() {
  timespec now{};
  (void)::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  (void)::gmtime_r(&now.tv_sec, &parts);
  std::array<char, 40> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  (void)std::snprintf(text.data() + length, text.size() - length, ".%03ldZ", now.tv_nsec / 1000000);
  return text.data();
}

/// What apply() cannot know: whether the namespace is there, is not the fabric itself, and has no device of that name.
Status check_on_host(const vpc::Command& command, const Fabric& fabric) {
  const auto* attach = std::get_if<vpc::AttachNetworkInterface>(&command);
  if (attach == nullptr) return ok();
  const auto netns = kernel::open_netns(attach->netns);
  if (!netns) {
    return Error{.code = "InvalidInstanceID.NotFound",
                 .message = "The instance ID 'netns:" + attach->netns + "' does not exist"};
  }
  if (fabric.is_netns(netns.value())) {
    return Error{.code = "InvalidParameterValue",
                 .message = "The instance 'netns:" + attach->netns +
                            "' is the fabric itself: its routes and devices are netd's."};
  }
  TRY(auto inside, kernel::Links::open_in(netns.value()));
  const std::string device = vpc::member_device_name(attach->device_index);
  if (!inside.index_of(device)) return ok();
  return Error{.code = "InvalidParameterValue",
               .message = "The instance 'netns:" + attach->netns + "' already has a device " + device +
                          "; choose another DeviceIndex."};
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::start(Store store, Fabric fabric, const std::string& key_file,
                                              std::size_t compact_after) {
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(store), std::move(fabric)));
  daemon->compact_after_ = compact_after;
  TRY(auto shared_revision, SharedRevision::make());
  daemon->shared_revision_.emplace(std::move(shared_revision));
  TRY(daemon->reconciler_, Reconciler::make(daemon->fabric_));
  TRYV(daemon->replay());
  TRYV(daemon->open_key_ring(key_file));
  daemon->count_policies();
  if (const Status done = daemon->reconciler_->start(daemon->snapshot()); !done) {
    spdlog::error("recovery: {}", done.error().text());
  }
  daemon->slots_ = std::make_unique<Slots>(daemon->fabric_);
  TRY(auto watch, daemon->fabric_.watch());
  daemon->watch_.emplace(std::move(watch));
  daemon->watcher_ = std::thread([raw = daemon.get()] {
    while (raw->watch_->wait()) {
      {
        const std::lock_guard lock(raw->queue_mutex_);
        raw->changed_ = true;
      }
      raw->look_.notify_all();
    }
  });
  daemon->writer_ = std::thread([raw = daemon.get()] { raw->run(); });
  daemon->checker_ = std::thread([raw = daemon.get()] { raw->look_after(); });
  daemon->sweeper_ = std::thread([raw = daemon.get()] { raw->sweep_maps(); });
  return daemon;
}

Daemon::~Daemon() {
  {
    const std::lock_guard lock(queue_mutex_);
    stopping_ = true;
  }
  queue_changed_.notify_all();
  stopped_.notify_all();
  look_.notify_all();
  if (checker_.joinable()) checker_.join();
  if (writer_.joinable()) writer_.join();
  if (sweeper_.joinable()) sweeper_.join();
  if (watcher_.joinable()) {
    watch_->stop();
    watcher_.join();
  }
}

namespace {

Result<vpc::State> replay_one(const vpc::State& state, const std::string& record) {
  TRY(const auto command, api::decode_stored(nlohmann::json::parse(record, nullptr, false)));
  TRY(auto applied, vpc::apply(state, command));
  return std::move(applied.state);
}

}  // namespace

Status Daemon::replay() {
  TRY(const auto snapshot, store_.snapshot());
  TRY(const auto records, store_.load());
  vpc::State state;
  if (!snapshot.text.empty()) {
    auto read = api::decode_state(nlohmann::json::parse(snapshot.text, nullptr, false));
    if (!read) {
      return Error{
          .code = "CorruptStore",
          .message = read.error().text() + "; restore netd.db from a copy, or start the netd that wrote it"};
    }
    state = std::move(read).value();
  }
  state.services = api::known_services();
  std::size_t number = 0;
  for (const auto& record : records) {
    auto applied = replay_one(state, record);
    ++number;
    if (!applied) {
      return Error{.code = "CorruptStore",
                   .message = "stored command " + std::to_string(number) + " cannot be applied (" +
                              applied.error().text() +
                              "); restore netd.db from a copy, or start the netd that wrote it"};
    }
    state = std::move(applied).value();
  }
  state_ = std::make_shared<const vpc::State>(std::move(state));
  snapshot_revision_ = snapshot.revision;
  TRY(revision_, store_.last_revision());
  spdlog::info("{} stored commands after revision {}", records.size(), snapshot.revision);
  return ok();
}

Status Daemon::open_key_ring(const std::string& key_file) {
  const auto state = snapshot();
  TRY(auto sealer, accounts::Sealer::open(key_file, !state->access_keys.empty()));
  key_ring_.emplace(std::move(sealer));
  return key_ring_->check(*state);
}

Result<accounts::Signer> Daemon::find_signer(const std::string& access_key_id,
                                             const sigv4::Scope& scope) const {
  return key_ring_->find(*snapshot(), access_key_id, scope);
}

Result<accounts::SessionSigner> Daemon::find_session(const std::string& access_key_id,
                                                     const std::string& token, const sigv4::Scope& scope,
                                                     std::int64_t now) const {
  return key_ring_->find_session(*snapshot(), access_key_id, token, scope, now);
}

Result<accounts::SessionCredentials> Daemon::mint_session(const vpc::AccountId& account,
                                                          const std::string& function, std::int64_t now,
                                                          std::int64_t seconds) const {
  return key_ring_->mint(*snapshot(), account, function, now, seconds);
}

std::uint64_t Daemon::wait_for_revocation(std::uint64_t seen, std::chrono::milliseconds patience) {
  std::unique_lock lock(state_mutex_);
  state_changed_.wait_for(lock, patience,
                          [&] { return waiting_is_over_ || state_->access_key_revision != seen; });
  return state_->access_key_revision;
}

void Daemon::stop_waiting() {
  {
    const std::lock_guard lock(state_mutex_);
    waiting_is_over_ = true;
  }
  state_changed_.notify_all();
}

/// What all rules take of the datapath's maps.
void Daemon::count_policies() {
  std::set<vpc::VpcId> all;
  for (const auto& [id, vpc] : snapshot()->vpcs) {
    all.insert(id);
  }
  policy_use_.note(all, reconcile::policies_of(*snapshot(), all));
}

Result<nlohmann::json> Daemon::change(const Request& request) {
  const auto* operation = api::find_operation(request.operation);
  if (operation == nullptr || !operation->changes()) {
    return Error{.code = "InvalidAction", .message = "The action " + request.operation + " is not valid."};
  }
  TRY(auto command, operation->decode(request.parameters));
  TRYV(check_on_host(command, fabric_));
  TRYV(vpc::check_account(*snapshot(), request.account));
  vpc::StampedCommand stamped{
      .account = request.account, .seed = random_seed(), .time = time_now(), .command = std::move(command)};
  std::string secret;
  if (std::holds_alternative<vpc::CreateAccessKey>(stamped.command)) {
    TRY(secret, key_ring_->stamp_secret(stamped));
  }
  const auto before = snapshot();
  TRY(const auto applied, vpc::apply(*before, stamped));
  const auto policies = reconcile::policies_of(applied.state, applied.touched);
  TRYV(policy_use_.check(stamped.command, applied.touched, policies));
  TRY(const auto revision,
      store_.append(api::encode_stored(request.operation, request.parameters, stamped.account, stamped.seed,
                                       stamped.time, stamped.sealed_secret)
                        .dump()));
  const auto after = std::make_shared<const vpc::State>(applied.state);
  if (const Status done = reconciler_->apply(after, applied.touched); !done) {
    spdlog::error("{}: {}", request.operation, done.error().text());
    return take_back(revision, applied.touched, before, after, done.error());
  }
  policy_use_.note(applied.touched, policies);
  publish(after, revision);
  auto reply = operation->reply(applied, request.account, request.parameters);
  // Only here, and only once.
  if (!secret.empty()) reply["AccessKey"]["SecretAccessKey"] = secret;
  return reply;
}

/// What the kernel refuses is no part of the model: the caller is told that nothing has changed, and so it is.
Error Daemon::take_back(std::uint64_t revision, const std::set<vpc::VpcId>& touched,
                        const std::shared_ptr<const vpc::State>& before,
                        const std::shared_ptr<const vpc::State>& after, Error refused) {
  if (const Status removed = store_.remove(revision); !removed) {
    // It will be there after the next start, so it has to be there now: retry() brings the kernel to it.
    spdlog::error("{}", removed.error().text());
    policy_use_.note(touched, reconcile::policies_of(*after, touched));
    publish(after, revision);
    return refused;
  }
  if (const Status done = reconciler_->apply(before, touched); !done) {
    spdlog::error("taking it back: {}", done.error().text());
  }
  refused.message += "; the request has had no effect";
  return refused;
}

/// From now on readers get this one.
void Daemon::publish(const std::shared_ptr<const vpc::State>& state, std::uint64_t revision) {
  const std::lock_guard lock(state_mutex_);
  state_ = state;
  revision_ = revision;
  shared_revision_->advance();
  state_changed_.notify_all();
}

void Daemon::submit(Request request, Reply reply) {
  post([this, request = std::move(request), reply = std::move(reply)] {
    const RequestScope scope(request.request_id);
    reply(change(request));
  });
}

void Daemon::post(std::function<void()> work) {
  {
    const std::lock_guard lock(queue_mutex_);
    queue_.push_back(std::move(work));
  }
  queue_changed_.notify_one();
}

void Daemon::run() {
  auto next_sweep = Slots::Clock::now() + kSweepInterval;
  std::unique_lock lock(queue_mutex_);
  while (true) {
    if (stopping_ && queue_.empty()) return;
    if (queue_.empty() && Slots::Clock::now() < next_sweep) {
      queue_changed_.wait_until(lock, next_sweep);
      continue;
    }
    std::function<void()> work;
    if (!queue_.empty()) {
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    lock.unlock();
    if (work) work();
    if (Slots::Clock::now() >= next_sweep) {
      tidy();
      next_sweep = Slots::Clock::now() + kSweepInterval;
    }
    lock.lock();
  }
}

/// At once when something has changed, but for the pause between two looks; every two seconds for what failed.
void Daemon::look_after() {
  std::unique_lock lock(queue_mutex_);
  auto regular = Slots::Clock::now() + kSweepInterval;
  while (!stopping_) {
    const auto due = changed_ ? std::min(regular, next_look_) : regular;
    if (repairing_ || Slots::Clock::now() < due) {
      look_.wait_until(lock, repairing_ ? Slots::Clock::now() + kSweepInterval : due);
      continue;
    }
    lock.unlock();
    check();
    lock.lock();
    regular = Slots::Clock::now() + kSweepInterval;
  }
}

/// What failed is tried again; what somebody else has changed is changed back. The model is what the kernel has to
/// be. Without a notification only content of maps can differ: once in a while that is looked at, too.
void Daemon::check() {
  const auto begun = Slots::Clock::now();
  const bool failed = reconciler_->degraded();
  if (!changed_.exchange(false) && !failed && begun < next_check_) return;
  const auto left = reconciler_->compare();
  const auto ended = Slots::Clock::now();
  next_check_ = ended + kCheckInterval;
  // Also our own changes are told: to look at them shall not take more than a tenth of a processor's time.
  next_look_ = ended + std::max<Slots::Clock::duration>(kLookPause, 10 * (ended - begun));
  if (const Status done = sweep_ports(); !done) spdlog::warn("sweep: {}", done.error().text());
  if (left && reconcile::only_reports(left.value()) && !failed) return;
  if (left && !failed) {
    for (const auto& operation : left.value()) {
      spdlog::warn("not as it was made: {} {} ({})", operation.name(), operation.object(), operation.reason);
    }
  }
  repairing_ = true;
  post([this] {
    (void)reconciler_->apply_all(snapshot());
    if (!reconciler_->degraded()) spdlog::info("kernel and model agree again");
    const std::lock_guard lock(queue_mutex_);
    repairing_ = false;
    look_.notify_all();
  });
}

void Daemon::tidy() {
  slots_->return_unclaimed(Slots::Clock::now());
  grow();
}

void Daemon::sweep_maps() {
  Sweep sweep(fabric_.datapath());
  std::unique_lock lock(queue_mutex_);
  while (!stopped_.wait_for(lock, kSweepInterval, [&] { return stopping_; })) {
    lock.unlock();
    if (const Status done = sweep.step(); !done) spdlog::warn("sweep: {}", done.error().text());
    compact_if_due();
    lock.lock();
  }
}

namespace {

std::size_t resources_of(const vpc::State& state) {
  return state.accounts.size() + state.access_keys.size() + state.vpcs.size() + state.subnets.size() +
         state.security_groups.size() + state.security_group_rules.size() + state.network_interfaces.size();
}

constexpr std::chrono::seconds kSnapshotPause{60};

}  // namespace

/// Commands that follow meanwhile stay: the snapshot stands for those up to its revision.
void Daemon::compact_if_due() {
  std::shared_ptr<const vpc::State> state;
  std::uint64_t revision = 0;
  {
    const std::lock_guard lock(state_mutex_);
    const std::size_t commands = revision_ - snapshot_revision_;
    if (commands < std::max(compact_after_, resources_of(*state_))) return;
    state = state_;
    revision = revision_;
  }
  if (Slots::Clock::now() < next_snapshot_) return;
  next_snapshot_ = Slots::Clock::now() + kSnapshotPause;
  Store::Snapshot snapshot{.text = api::encode_state(*state).dump(), .revision = revision};
  post([this, snapshot = std::move(snapshot)] {
    if (const Status done = store_.compact(snapshot); !done) {
      spdlog::warn("the commands stay as they are: {}", done.error().text());
      return;
    }
    spdlog::info("a snapshot of {} bytes stands for the commands up to revision {}", snapshot.text.size(),
                 snapshot.revision);
    const std::lock_guard lock(state_mutex_);
    snapshot_revision_ = snapshot.revision;
  });
}

void Daemon::grow_if_low(const std::string& interface) {
  if (slots_->is_low(interface)) growth_.ask(*snapshot(), interface);
}

/// What could not get an address is asked for again: its subnet may have one by now.
void Daemon::grow() {
  const auto state = snapshot();
  slots_->keep_interfaces([&](const std::string& interface) {
    const auto id = vpc::NetworkInterfaceId::parse(interface);
    return id && vpc::find(state->network_interfaces, *id) != nullptr;
  });
  const auto low = slots_->low_interfaces();
  growth_.keep(low);
  for (const auto& interface : low) {
    growth_.ask(*state, interface.id);
  }
}

/// The counts of ports that are gone stay in the sum over all, and nowhere else.
Status Daemon::sweep_ports() {
  const std::lock_guard lock(drops_mutex_);
  TRY(const auto gone, sweep_drops(fabric_.datapath(), [&] { return reconciler_->ports(); }));
  for (const auto& [reason, count] : gone) {
    gone_drops_[reason] += count;
  }
  return ok();
}

std::shared_ptr<const vpc::State> Daemon::snapshot() const {
  const std::lock_guard lock(state_mutex_);
  return state_;
}

Result<nlohmann::json> Daemon::inspect(const vpc::AccountId& account, const std::string& what,
                                       const nlohmann::json&) {
  if (what == "Describe") return describe(*snapshot(), account, slots_->views());
  if (what == "DescribeFlows") return describe_flows(*snapshot(), account, fabric_.datapath());
  if (what == "DescribeDrops") {
    TRY(const auto members, reconciler_->members());
    return describe_drops(*snapshot(), account, members, fabric_);
  }
  TRY(const auto operations, reconciler_->compare());
  return describe_plan(operations);
}

std::string Daemon::metrics() {
  std::map<std::string, double> slots{{"free", 0}, {"leased", 0}, {"sealed", 0}, {"attached", 0}};
  for (const auto& view : slots_->views()) {
    ++slots[view.state];
  }
  std::map<std::string, double> drops;
  {
    const std::lock_guard lock(drops_mutex_);
    drops = drop_counts(fabric_.datapath());
    for (const auto& [reason, count] : gone_drops_) {
      drops[reason] += count;
    }
  }
  const auto left = reconciler_->compare();
  // A plan that cannot be made is not a clean one.
  const double steps = left ? static_cast<double>(left.value().size()) : std::nan("");
  const double leaked = left ? static_cast<double>(reconcile::leaked_objects(left.value())) : std::nan("");
  return metrics_text({.slots = std::move(slots),
                       .refusals = slots_->refusals(),
                       .starved = growth_.starved(),
                       .steps = steps,
                       .leaked = leaked,
                       .drops = std::move(drops),
                       .rejected = rejected_counts(fabric_.datapath()),
                       .unrecorded = unrecorded_flows(fabric_.datapath()),
                       .arp = arp_packets(fabric_.datapath())});
}

nlohmann::json Daemon::health() {
  const std::string failure = reconciler_->last_failure();
  nlohmann::json health{{"Status", failure.empty() ? "ok" : "degraded"}, {"Slots", fabric_.taps().size()}};
  if (!failure.empty()) health["LastFailure"] = failure;
  return health;
}

}  // namespace caisson::netd::core
