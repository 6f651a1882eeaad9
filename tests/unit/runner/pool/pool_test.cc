#include "runner/pool/pool.hh"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <set>

namespace caisson::runner {
namespace {

using std::chrono::milliseconds;

struct Log {
  std::mutex mutex;
  std::condition_variable changed;
  std::multiset<std::string> events;
  bool fail_thaw = false;
  bool fail_restore = false;
  std::atomic<bool> stop_next = false;  ///< the next one that is frozen does not answer until `gate` opens
  std::shared_future<void> gate;

  void add(const std::string& event) {
    const std::lock_guard lock(mutex);
    events.insert(event);
    changed.notify_all();
  }
  std::size_t count(const std::string& event) {
    const std::lock_guard lock(mutex);
    return events.count(event);
  }
  bool wait_for(const std::string& event, std::size_t times = 1) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return events.count(event) >= times; });
  }
};

class FakeEnvironment : public Environment {
 public:
  explicit FakeEnvironment(Log& log) : log_(log), exit_(Fd::own(::eventfd(0, EFD_CLOEXEC))) {}
  ~FakeEnvironment() override { log_.add("killed"); }
  Outcome invoke(const Invocation&) override { return {}; }
  Status freeze() override {
    if (log_.stop_next.exchange(false)) {
      log_.add("stuck");
      log_.gate.wait();
      return Error{.code = "Timeout", .message = "no answer"};
    }
    log_.add("frozen");
    return ok();
  }
  Status thaw() override {
    if (log_.fail_thaw) return Error{.code = "Timeout", .message = "no answer"};
    log_.add("thawed");
    return ok();
  }
  [[nodiscard]] int exit_fd() const override { return exit_.get(); }
  void die() const {
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(exit_.get(), &one, sizeof one), ssize_t{sizeof one});
  }

 private:
  Log& log_;
  Fd exit_;
};

class FakeFactory : public EnvironmentFactory {
 public:
  explicit FakeFactory(Log& log) : log_(log) {}
  Result<std::vector<Placement>> place(const std::string&, const std::string&, const VpcSettings&) override {
    return std::vector<Placement>{{"eni-01", "subnet-01", "vpc-01"}};
  }
  Status release(const std::string&, const std::string&) override { return ok(); }
  Result<std::vector<User>> users() override { return std::vector<User>{}; }
  Result<SnapshotPointer> prepare(const Deployment&, const std::function<void()>& begun) override {
    if (!take_slot()) {
      log_.add("prepare: no slot");
      return Error{.code = kNoFreeSlot, .message = {}};
    }
    ++preparing;
    begun();
    log_.add("prepare");
    if (gate.valid()) gate.wait();
    --preparing;
    auto snapshot = std::make_shared<vmm::Snapshot>();
    snapshot->bytes = 100;
    return SnapshotPointer(std::move(snapshot));
  }
  Result<std::unique_ptr<Environment>> restore(const Deployment&, const SnapshotPointer&) override {
    if (log_.fail_restore) return Error{.code = "Timeout", .message = "no answer"};
    if (!take_slot()) return Error{.code = kNoFreeSlot, .message = {}};
    log_.add("restored");
    return std::unique_ptr<Environment>(std::make_unique<FakeEnvironment>(log_));
  }
  Result<std::unique_ptr<Environment>> boot(const Deployment&) override {
    if (!take_slot()) return Error{.code = kNoFreeSlot, .message = {}};
    log_.add("booted");
    return std::unique_ptr<Environment>(std::make_unique<FakeEnvironment>(log_));
  }

  std::shared_future<void> gate;  ///< prepare waits for it
  std::size_t slots = 1000;

 private:
  bool take_slot() {
    return log_.count("restored") + log_.count("booted") - log_.count("killed") + preparing < slots;
  }
  Log& log_;
  std::atomic<std::size_t> preparing = 0;
};

DeploymentPointer deployment(const std::string& id) {
  auto one = std::make_shared<Deployment>();
  one->id = id;
  return one;
}

PoolSettings settings(std::size_t environments = 8) {
  PoolSettings one;
  one.limits = {.environments = environments, .memory_bytes = 64ULL << 30};
  one.ages = {.freeze_after = std::chrono::hours(1), .reclaim_after = std::chrono::hours(2)};
  one.patience = std::chrono::seconds(20);
  return one;
}

class PoolTest : public testing::Test {
 protected:
  Log log_;
  FakeFactory factory_{log_};
  DeploymentPointer a_ = deployment("a");
  DeploymentPointer b_ = deployment("b");
};

TEST_F(PoolTest, BootsWithoutASnapshotRestoresWithOneAndReuses) {
  Pool pool(factory_, settings());
  EXPECT_EQ(pool.acquire(a_).value().how(), StartKind::kBooted);
  EXPECT_EQ(pool.acquire(a_).value().how(), StartKind::kReused);
  ASSERT_TRUE(pool.prepare(b_));
  ASSERT_TRUE(pool.prepare(b_));
  EXPECT_EQ(log_.count("prepare"), 1U);
  const auto first = pool.acquire(b_);
  const auto second = pool.acquire(b_);
  EXPECT_EQ(first.value().how(), StartKind::kRestored);
  EXPECT_EQ(second.value().how(), StartKind::kRestored);
  EXPECT_EQ(pool.stats().environments.at("busy"), 2U);
  EXPECT_EQ(pool.stats().environments.at("idle"), 1U);
}

TEST_F(PoolTest, IdleOnesFreezeAndThaw) {
  PoolSettings quick = settings();
  quick.ages.freeze_after = milliseconds(0);
  Pool pool(factory_, quick);
  { ASSERT_TRUE(pool.acquire(a_)); }
  ASSERT_TRUE(log_.wait_for("frozen"));
  EXPECT_EQ(pool.acquire(a_).value().how(), StartKind::kThawed);
}

TEST_F(PoolTest, OneThatDoesNotAnswerIsEndedAndHoldsUpNobody) {
  PoolSettings quick = settings();
  quick.ages.freeze_after = milliseconds(0);
  std::promise<void> time_out;
  log_.gate = time_out.get_future().share();
  log_.stop_next = true;
  Pool pool(factory_, quick);
  { ASSERT_TRUE(pool.acquire(a_)); }
  ASSERT_TRUE(log_.wait_for("stuck"));
  for (std::size_t turn = 1; turn <= 3; ++turn) {
    { ASSERT_TRUE(pool.acquire(b_)); }
    ASSERT_TRUE(log_.wait_for("frozen", turn));
  }
  EXPECT_EQ(log_.count("killed"), 0U);
  time_out.set_value();
  EXPECT_TRUE(log_.wait_for("killed"));
  EXPECT_EQ(pool.acquire(a_).value().how(), StartKind::kBooted);
}

TEST_F(PoolTest, OneThatCannotBeThawedIsReplaced) {
  PoolSettings quick = settings();
  quick.ages.freeze_after = milliseconds(0);
  Pool pool(factory_, quick);
  log_.fail_thaw = true;
  { ASSERT_TRUE(pool.acquire(a_)); }
  ASSERT_TRUE(log_.wait_for("frozen"));
  EXPECT_EQ(pool.acquire(a_).value().how(), StartKind::kBooted);
  EXPECT_EQ(log_.count("killed"), 1U);
}

TEST_F(PoolTest, IdleOnesAreReclaimed) {
  PoolSettings quick = settings();
  quick.ages.reclaim_after = milliseconds(0);
  Pool pool(factory_, quick);
  { ASSERT_TRUE(pool.acquire(a_)); }
  EXPECT_TRUE(log_.wait_for("killed"));
}

TEST_F(PoolTest, ADeadMicroVmIsNoticedWhileIdle) {
  Pool pool(factory_, settings());
  {
    auto lease = pool.acquire(a_);
    static_cast<FakeEnvironment&>(lease.value().environment()).die();
  }
  EXPECT_TRUE(log_.wait_for("killed"));
  EXPECT_EQ(pool.acquire(a_).value().how(), StartKind::kBooted);
}

TEST_F(PoolTest, DiscardedOnesAreKilled) {
  Pool pool(factory_, settings());
  {
    auto lease = pool.acquire(a_);
    lease.value().discard();
  }
  EXPECT_EQ(log_.count("killed"), 1U);
}

TEST_F(PoolTest, FullIsTooManyRequestsAndIdleOnesMakeRoom) {
  Pool pool(factory_, settings(1));
  {
    const auto lease = pool.acquire(a_);
    ASSERT_TRUE(lease);
    EXPECT_EQ(pool.acquire(b_).error().code, "TooManyRequestsException");
  }
  EXPECT_TRUE(pool.acquire(b_));
  EXPECT_EQ(log_.count("killed"), 1U);
}

TEST_F(PoolTest, WithoutAFreeSlotAnIdleEnvironmentGivesItsUp) {
  factory_.slots = 2;
  Pool pool(factory_, settings());
  const auto busy = pool.acquire(a_);
  { ASSERT_TRUE(pool.acquire(a_)); }
  const auto other = pool.acquire(b_);
  ASSERT_TRUE(other);
  EXPECT_EQ(log_.count("killed"), 1U);
  EXPECT_EQ(pool.acquire(b_).error().code, kNoFreeSlot);
  EXPECT_EQ(pool.stats().environments.at("busy"), 2U);
}

TEST_F(PoolTest, ExhaustionSaysWhatOfAndEnds) {
  std::vector<std::string> told;
  PoolSettings small = settings(1);
  small.on_exhausted = [&](const char* what) { told.emplace_back(what); };
  small.environment_bytes = [](int) { return std::uint64_t{100}; };
  small.snapshot_bytes = 150;
  {
    Pool pool(factory_, small);
    {
      const auto lease = pool.acquire(a_);
      EXPECT_EQ(pool.acquire(b_).error().code, "TooManyRequestsException");
    }
    EXPECT_TRUE(pool.acquire(b_));
    // A snapshot has 100 bytes.
    ASSERT_TRUE(pool.prepare(a_));
    ASSERT_TRUE(pool.prepare(b_));
    EXPECT_EQ(pool.stats().snapshots, 1U);
    EXPECT_TRUE(pool.acquire(a_));
  }
  EXPECT_EQ(told, (std::vector<std::string>{"environments", "snapshots"}));
  told.clear();
  small.limits = {.environments = 8, .memory_bytes = 150};
  {
    Pool pool(factory_, small);
    const auto lease = pool.acquire(a_);
    EXPECT_EQ(pool.acquire(b_).error().code, "TooManyRequestsException");
  }
  EXPECT_EQ(told, std::vector<std::string>{"memory"});
  told.clear();
  small.limits.memory_bytes = 1000;
  factory_.slots = 1;
  Pool pool(factory_, small);
  {
    const auto lease = pool.acquire(a_);
    EXPECT_EQ(pool.acquire(b_).error().code, kNoFreeSlot);
  }
  EXPECT_TRUE(pool.acquire(b_));
  EXPECT_EQ(told, std::vector<std::string>{"slots"});
}

TEST_F(PoolTest, TwoPreparationsMakeOneSnapshot) {
  std::promise<void> open;
  factory_.gate = open.get_future().share();
  Pool pool(factory_, settings());
  auto first = std::async(std::launch::async, [&] { return pool.prepare(a_); });
  ASSERT_TRUE(log_.wait_for("prepare"));
  auto second = std::async(std::launch::async, [&] { return pool.prepare(a_); });
  open.set_value();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_EQ(log_.count("prepare"), 1U);
}

TEST_F(PoolTest, AnInvocationWaitsForASnapshotThatIsBeingMade) {
  std::promise<void> open;
  factory_.gate = open.get_future().share();
  Pool pool(factory_, settings());
  auto prepared = std::async(std::launch::async, [&] { return pool.prepare(a_); });
  ASSERT_TRUE(log_.wait_for("prepare"));
  auto acquired = std::async(std::launch::async, [&] { return pool.acquire(a_).value().how(); });
  EXPECT_EQ(acquired.wait_for(milliseconds(50)), std::future_status::timeout);
  open.set_value();
  EXPECT_TRUE(prepared.get());
  EXPECT_EQ(acquired.get(), StartKind::kRestored);
  EXPECT_EQ(log_.count("booted"), 0U);
}

TEST_F(PoolTest, AnInvocationWaitsForASlotThatAPreparationHas) {
  factory_.slots = 1;
  std::promise<void> open;
  factory_.gate = open.get_future().share();
  Pool pool(factory_, settings());
  auto prepared = std::async(std::launch::async, [&] { return pool.prepare(b_); });
  ASSERT_TRUE(log_.wait_for("prepare"));
  auto acquired = std::async(std::launch::async, [&] { return static_cast<bool>(pool.acquire(a_)); });
  EXPECT_EQ(acquired.wait_for(milliseconds(50)), std::future_status::timeout);
  open.set_value();
  EXPECT_TRUE(prepared.get());
  EXPECT_TRUE(acquired.get());
}

TEST_F(PoolTest, AnInvocationDoesNotWaitForAPreparationThatHasNoSlot) {
  factory_.slots = 1;
  Pool pool(factory_, settings());
  auto busy = std::make_optional(pool.acquire(a_));
  auto prepared = std::async(std::launch::async, [&] { return pool.prepare(b_); });
  ASSERT_TRUE(log_.wait_for("prepare: no slot"));
  EXPECT_EQ(pool.acquire(a_).error().code, kNoFreeSlot);
  busy.reset();
  EXPECT_TRUE(prepared.get());
}

TEST_F(PoolTest, ANewSnapshotBeyondTheBudgetDropsTheOldest) {
  PoolSettings small = settings();
  small.snapshot_bytes = 150;
  Pool pool(factory_, small);
  ASSERT_TRUE(pool.prepare(a_));
  ASSERT_TRUE(pool.prepare(b_));
  EXPECT_EQ(pool.stats().snapshots, 1U);
  EXPECT_EQ(pool.acquire(b_).value().how(), StartKind::kRestored);
  EXPECT_EQ(pool.acquire(a_).value().how(), StartKind::kBooted);
}

TEST_F(PoolTest, RetiringKillsIdleOnesNowAndBusyOnesAfterTheirInvocation) {
  Pool pool(factory_, settings());
  {
    const auto busy = pool.acquire(a_);
    { const auto idle = pool.acquire(a_); }
    pool.retire(a_, [&] { log_.add("gone"); });
    EXPECT_TRUE(log_.wait_for("killed"));
    EXPECT_EQ(log_.count("gone"), 0U);
    EXPECT_EQ(pool.acquire(a_).error().code, "Retired");
  }
  // The keeper's thread says it, if it still has the idle one in its hands.
  EXPECT_TRUE(log_.wait_for("gone"));
  EXPECT_EQ(log_.count("killed"), 2U);
  EXPECT_EQ(log_.count("gone"), 1U);
  EXPECT_EQ(pool.prepare(a_).error().code, "Retired");
}

TEST_F(PoolTest, RetiringTheSameDeploymentMadeTwiceWaitsForTheFirstOnesEnvironments) {
  Pool pool(factory_, settings());
  {
    const auto busy = pool.acquire(a_);
    pool.retire(a_, [&] { log_.add("gone"); });
    pool.retire(deployment("a"), [&] { log_.add("gone"); });
    EXPECT_EQ(log_.count("gone"), 0U);
  }
  EXPECT_TRUE(log_.wait_for("gone", 2));
}

TEST_F(PoolTest, RetiringWithoutEnvironmentsIsDoneAtOnce) {
  Pool pool(factory_, settings());
  bool gone = false;
  pool.retire(a_, [&] { gone = true; });
  EXPECT_TRUE(gone);
}

TEST_F(PoolTest, ShuttingDownKillsWhatRestsAndWaitsForTheRest) {
  Pool pool(factory_, settings());
  { const auto idle = pool.acquire(b_); }
  {
    const auto busy = pool.acquire(a_);
    EXPECT_FALSE(pool.shut_down(milliseconds(1)));
    EXPECT_EQ(log_.count("killed"), 1U);
    EXPECT_EQ(pool.acquire(b_).error().code, "ServiceException");
  }
  EXPECT_TRUE(pool.shut_down(std::chrono::seconds(20)));
}

TEST_F(PoolTest, AFailedStartLeavesNothingBehind) {
  Pool pool(factory_, settings(1));
  ASSERT_TRUE(pool.prepare(a_));
  log_.fail_restore = true;
  EXPECT_EQ(pool.acquire(a_).error().code, "Timeout");
  log_.fail_restore = false;
  EXPECT_TRUE(pool.acquire(a_));
}

TEST_F(PoolTest, ManyThreadsNeverShareAnEnvironment) {
  Pool pool(factory_, settings(64));
  std::mutex mutex;
  std::set<const Environment*> used;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        const auto lease = pool.acquire(a_);
        ASSERT_TRUE(lease);
        {
          const std::lock_guard lock(mutex);
          EXPECT_TRUE(used.insert(&lease.value().environment()).second);
        }
        const std::lock_guard lock(mutex);
        used.erase(&lease.value().environment());
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_LE(log_.count("booted"), 8U);
}

}  // namespace
}  // namespace caisson::runner
