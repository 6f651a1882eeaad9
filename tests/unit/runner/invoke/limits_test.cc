#include "runner/invoke/limits.hh"

#include <gtest/gtest.h>

#include "vmm/argv.hh"

namespace caisson::runner {
namespace {

using vmm::Accelerator;

TEST(Limits, ACpuIsWorth1769Megabytes) {
  EXPECT_EQ(cpu_millis(1769, 0), 1000U);
  EXPECT_EQ(cpu_millis(128, 0), 72U);
  EXPECT_EQ(cpu_millis(10240, 0), 5788U);
  EXPECT_EQ(cpu_millis(128, 500), 500U);
  EXPECT_EQ(cpu_millis(1769, 500), 1000U);
}

TEST(Limits, TheWeightIsTheMemorysWhateverTheCap) {
  EXPECT_EQ(limits_of(128, Accelerator::kTcg).cpu_millis, 72U);
  EXPECT_EQ(limits_of(256, Accelerator::kTcg).cpu_millis, 144U);
}

TEST(Limits, TheGroupHoldsTheGuestAndQemu) {
  for (const int memory : {128, 512, 10240}) {
    const std::uint64_t guest = static_cast<std::uint64_t>(memory + kGuestOverheadMib) << 20;
    const std::uint64_t cache = static_cast<std::uint64_t>(vmm::kTranslationCacheMib) << 20;
    EXPECT_GT(environment_bytes(memory, Accelerator::kKvm), guest);
    EXPECT_EQ(environment_bytes(memory, Accelerator::kTcg),
              environment_bytes(memory, Accelerator::kKvm) + cache);
    EXPECT_EQ(limits_of(memory, Accelerator::kTcg).memory_bytes,
              environment_bytes(memory, Accelerator::kTcg));
  }
}

}  // namespace
}  // namespace caisson::runner
