#include "runner/settings.hh"

#include <gtest/gtest.h>

#include "runner/invoke/limits.hh"

namespace caisson::runner {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr auto kTcg = vmm::Accelerator::kTcg;
constexpr auto kKvm = vmm::Accelerator::kKvm;

TEST(PoolSettings, AreTheOptions) {
  Options options;
  options.max_environments = 3;
  options.memory_mib = 450;
  options.snapshot_mib = 7;
  options.freeze_after_ms = 11;
  options.reclaim_after_s = 13;
  const PoolSettings settings = pool_settings(options, kTcg);
  EXPECT_EQ(settings.limits.environments, 3U);
  EXPECT_FALSE(settings.limits.by_users);
  EXPECT_EQ(settings.limits.memory_bytes, 450ULL << 20);
  EXPECT_EQ(settings.snapshot_bytes, 7ULL << 20);
  EXPECT_EQ(settings.ages.freeze_after, milliseconds(11));
  EXPECT_EQ(settings.ages.reclaim_after, seconds(13));
}

TEST(PoolSettings, CountAnEnvironmentWithAllThatItTakes) {
  for (const auto accelerator : {kTcg, kKvm}) {
    const PoolSettings settings = pool_settings({}, accelerator);
    EXPECT_EQ(settings.environment_bytes(128), environment_bytes(128, accelerator));
    EXPECT_GT(settings.environment_bytes(128), 128ULL << 20) << "guest and QEMU are more than the function";
  }
}

TEST(PoolSettings, EachEnvironmentNeedsAUserAndOneIsForHelpers) {
  Options options;
  options.max_environments = 5;
  const struct {
    std::uint32_t users;
    std::size_t environments;
    bool by_users;
  } cases[] = {{2, 1, true}, {5, 4, true}, {6, 5, false}, {100, 5, false}};
  for (const auto& c : cases) {
    options.uid_count = c.users;
    const Limits limits = pool_settings(options, kTcg).limits;
    EXPECT_EQ(limits.environments, c.environments) << c.users;
    EXPECT_EQ(limits.by_users, c.by_users) << c.users;
  }
}

TEST(MicroVmSettings, HaveMoreTimeAndCpuWithoutKvm) {
  const Options options;
  const auto slow = micro_vm_settings(options, kTcg);
  EXPECT_EQ(slow.init_timeout, seconds(60));
  EXPECT_EQ(slow.agent_timeout, seconds(20));
  EXPECT_EQ(slow.min_cpu_millis, 500U);
  const auto fast = micro_vm_settings(options, kKvm);
  EXPECT_EQ(fast.init_timeout, seconds(10));
  EXPECT_EQ(fast.agent_timeout, seconds(5));
  EXPECT_EQ(fast.min_cpu_millis, 0U);
}

TEST(MicroVmSettings, AreTheOptionsWhereTheseSay) {
  Options options;
  options.init_timeout_s = 3;
  options.min_cpu_percent = 20;
  options.region = "eu-west-1";
  for (const auto accelerator : {kTcg, kKvm}) {
    const auto settings = micro_vm_settings(options, accelerator);
    EXPECT_EQ(settings.init_timeout, seconds(3));
    EXPECT_EQ(settings.min_cpu_millis, 200U);
    EXPECT_EQ(settings.region, "eu-west-1");
    EXPECT_EQ(settings.accelerator, accelerator);
  }
  options.min_cpu_percent = 0;
  EXPECT_EQ(micro_vm_settings(options, kTcg).min_cpu_millis, 0U) << "zero is a choice, too";
}

TEST(Complete, FoldersBearTheInstancesName) {
  Options options;
  options.instance = "lab";
  options.run_dir = "/elsewhere";
  complete(options);
  EXPECT_EQ(options.state_dir, "/var/lib/caisson-lab");
  EXPECT_EQ(options.run_dir, "/elsewhere");
  EXPECT_GT(options.memory_mib, 0U);
  Options told;
  told.memory_mib = 450;
  complete(told);
  EXPECT_EQ(told.memory_mib, 450U);
  EXPECT_EQ(told.run_dir, "/run/caisson");
}

}  // namespace
}  // namespace caisson::runner
