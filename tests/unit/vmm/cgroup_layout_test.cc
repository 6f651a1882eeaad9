#include "vmm/cgroup_layout.hh"

#include <gtest/gtest.h>

#include <algorithm>

namespace caisson::vmm {
namespace {

constexpr const char* kV1Mounts =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:7 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
constexpr const char* kV1Self =
    "8:pids:/\n4:memory:/system.slice/runnerd.service\n2:cpu,cpuacct:/system.slice/runnerd.service\n0::/x\n";
constexpr const char* kV2Mounts =
    "26 23 0:24 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kV2Controllers = "cpuset cpu io memory hugetlb pids rdma\n";

using Hierarchy = CgroupLayout::Hierarchy;

TEST(CgroupLayout, V1IsAFolderForEachControllerBeneathOurOwnGroup) {
  const auto layout = find_layout({.mountinfo = kV1Mounts, .self = kV1Self, .controllers = ""}, "caisson");
  ASSERT_TRUE(layout) << layout.error().text();
  EXPECT_EQ(layout.value().version, CgroupVersion::kV1);
  const std::vector<Hierarchy> expected = {
      {"memory", "/sys/fs/cgroup/memory/system.slice/runnerd.service/caisson"},
      {"cpu", "/sys/fs/cgroup/cpu,cpuacct/system.slice/runnerd.service/caisson"},
      {"pids", "/sys/fs/cgroup/pids/caisson"}};
  EXPECT_EQ(layout.value().hierarchies, expected);
  EXPECT_TRUE(layout.value().leaf.empty());
  EXPECT_TRUE(layout.value().enable_in.empty());
  EXPECT_EQ(layout.value().daemon, expected[1].parent + "/runnerd");
  EXPECT_EQ(layout.value().helpers, expected[1].parent + "/helpers");
}

TEST(CgroupLayout, AContainerThatSeesItsOwnGroupAsTheRootHasNoPathTwice) {
  const std::string mounts =
      "1 2 0:1 /docker/a /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "1 2 0:2 /docker/a /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
      "1 2 0:3 /docker/a /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
  const auto layout = find_layout(
      {.mountinfo = mounts, .self = "1:memory:/docker/a\n2:cpu:/docker/a\n3:pids:/docker/a/b\n"}, "c");
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout.value().hierarchies[0].parent, "/sys/fs/cgroup/memory/c");
  EXPECT_EQ(layout.value().hierarchies[2].parent, "/sys/fs/cgroup/pids/b/c");
}

TEST(CgroupLayout, V2DividesADelegatedGroupAndLeavesItForALeaf) {
  const auto layout = find_layout({.mountinfo = kV2Mounts,
                                   .self = "0::/system.slice/runnerd.service\n",
                                   .controllers = kV2Controllers,
                                   .alone = true},
                                  "caisson-x");
  ASSERT_TRUE(layout);
  const std::string own = "/sys/fs/cgroup/system.slice/runnerd.service";
  EXPECT_EQ(layout.value().version, CgroupVersion::kV2);
  EXPECT_EQ(layout.value().hierarchies, (std::vector<Hierarchy>{{"", own + "/caisson-x"}}));
  EXPECT_EQ(layout.value().leaf, own + "/caisson-cgroups");
  EXPECT_EQ(layout.value().daemon, own + "/caisson-x/runnerd");
  EXPECT_EQ(layout.value().enable_in, (std::vector<std::string>{own, own + "/caisson-x"}));
}

TEST(CgroupLayout, V2AmongOthersGoesToTheRoot) {
  const auto layout = find_layout({.mountinfo = kV2Mounts,
                                   .self = "0::/user.slice/user-0.slice/session-3.scope\n",
                                   .controllers = kV2Controllers,
                                   .alone = false},
                                  "caisson");
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout.value().hierarchies, (std::vector<Hierarchy>{{"", "/sys/fs/cgroup/caisson"}}));
  EXPECT_TRUE(layout.value().leaf.empty());
  EXPECT_EQ(layout.value().enable_in, (std::vector<std::string>{"/sys/fs/cgroup", "/sys/fs/cgroup/caisson"}));
}

TEST(CgroupLayout, AMissingControllerIsNamed) {
  const auto none = find_layout({.mountinfo = kV2Mounts, .self = "0::/\n", .controllers = "cpu memory"}, "c");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "NoCgroups");
  EXPECT_NE(none.error().message.find("controller pids"), std::string::npos) << none.error().message;
  // Hybrid: each is somewhere, but not all in one place.
  const std::string spread =
      std::string(kV2Mounts) + "1 2 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
  const auto split = find_layout({.mountinfo = spread, .self = "0::/\n", .controllers = "cpu pids"}, "c");
  ASSERT_FALSE(split);
  EXPECT_NE(split.error().message.find("spread"), std::string::npos) << split.error().message;
}

std::string value(const std::vector<CgroupWrite>& writes, const std::string& file) {
  const auto found = std::ranges::find(writes, file, &CgroupWrite::file);
  return found == writes.end() ? "-" : found->text;
}

TEST(CgroupLayout, TheSameLimitsInBothVersions) {
  const CgroupLimits limits{.memory_bytes = 300'000'000, .cpu_millis = 72, .pids = 64};
  const auto v1_memory = limit_writes(CgroupVersion::kV1, "memory", limits);
  EXPECT_EQ(value(v1_memory, "memory.limit_in_bytes"), "300000000");
  EXPECT_EQ(value(limit_writes(CgroupVersion::kV1, "cpu", limits), "cpu.shares"), "73");
  EXPECT_EQ(value(limit_writes(CgroupVersion::kV1, "pids", limits), "pids.max"), "64");
  const auto v2 = limit_writes(CgroupVersion::kV2, "", limits);
  EXPECT_EQ(value(v2, "memory.max"), "300000000");
  EXPECT_EQ(value(v2, "memory.swap.max"), "0");
  EXPECT_EQ(value(v2, "memory.oom.group"), "1");
  EXPECT_EQ(value(v2, "cpu.weight"), "7");
  EXPECT_EQ(value(v2, "pids.max"), "64");
}

TEST(CgroupLayout, OneCpuInSixteenIsReservedAndOneIsLeft) {
  EXPECT_EQ(divide_cpus({0}, std::nullopt), (CpuDivision{{0}, {}, {}}));
  EXPECT_EQ(divide_cpus({0}, 1), (CpuDivision{{0}, {}, {}}));
  EXPECT_EQ(divide_cpus({}, 1), (CpuDivision{}));
  EXPECT_EQ(divide_cpus({2, 5}, std::nullopt), (CpuDivision{{2, 5}, {2}, {5}}));
  EXPECT_EQ(divide_cpus({2, 5, 6}, 2), (CpuDivision{{2, 5, 6}, {2, 5}, {6}}));
  EXPECT_EQ(divide_cpus({2, 5, 6}, 9), (CpuDivision{{2, 5, 6}, {2, 5}, {6}}));
  EXPECT_EQ(divide_cpus({2, 5, 6}, 0), (CpuDivision{{2, 5, 6}, {}, {}}));
  EXPECT_EQ(divide_cpus(std::vector<unsigned>(17), std::nullopt).reserved.size(), 2U);
}

TEST(CgroupLayout, WhoIsCappedLeavesTheReservedCpus) {
  const CpuDivision cpus = divide_cpus({0, 1, 2}, 1);
  const std::vector<CpuCap> aside = {{"cpuset.cpus", "1,2", "0,1,2"}};
  const std::string mounts =
      std::string(kV1Mounts) + "1 2 0:9 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";
  CgroupFacts v1{.mountinfo = mounts, .self = kV1Self, .cpus = cpus, .memory_nodes = "0"};
  const auto with = find_layout(v1, "c").value();
  EXPECT_EQ(with.hierarchies.back(), (Hierarchy{"cpuset", "/sys/fs/cgroup/cpuset/c"}));
  EXPECT_EQ(cpu_step_aside(with, "cpuset"), aside);
  EXPECT_TRUE(cpu_step_aside(with, "cpu").empty());
  EXPECT_EQ(cpu_writes(with, "cpuset"),
            (std::vector<CgroupWrite>{
                {"cpuset.sched_load_balance", "0"}, {"cpuset.mems", "0"}, {"cpuset.cpus", "0,1,2"}}));
  EXPECT_TRUE(cpu_writes(with, "memory").empty());
  v1.mountinfo = kV1Mounts;
  const auto without = find_layout(v1, "c").value();
  EXPECT_EQ(without.hierarchies.size(), 3U);
  EXPECT_TRUE(cpu_step_aside(without, "cpuset").empty());

  CgroupFacts v2{.mountinfo = kV2Mounts, .self = "0::/x\n", .controllers = kV2Controllers, .cpus = cpus};
  const auto root = find_layout(v2, "c").value();
  EXPECT_EQ(root.enabled, "+memory +cpu +pids +cpuset");
  EXPECT_EQ(cpu_step_aside(root, ""), aside);
  EXPECT_EQ(cpu_writes(root, ""), (std::vector<CgroupWrite>{{"cpuset.cpus", "0,1,2"}}));
  // systemd may have delegated less than there is.
  v2.alone = true;
  v2.delegated = "cpu memory pids";
  const auto less = find_layout(v2, "c").value();
  EXPECT_EQ(less.enabled, "+memory +cpu +pids");
  EXPECT_TRUE(cpu_step_aside(less, "").empty());
  EXPECT_TRUE(cpu_writes(less, "").empty());
  v2.delegated += " cpuset";
  v2.cpus = divide_cpus({0, 1, 2}, 0);
  EXPECT_EQ(find_layout(v2, "c").value().enabled, "+memory +cpu +pids");
}

TEST(CgroupLayout, WeightsStayInTheKernelsRange) {
  EXPECT_EQ(value(limit_writes(CgroupVersion::kV1, "cpu", {.cpu_millis = 1}), "cpu.shares"), "2");
  EXPECT_EQ(value(limit_writes(CgroupVersion::kV2, "", {.cpu_millis = 1}), "cpu.weight"), "1");
  EXPECT_EQ(value(parent_writes(CgroupVersion::kV1, "cpu", 1024), "cpu.shares"), "262144");
  EXPECT_EQ(value(parent_writes(CgroupVersion::kV2, "", 1024), "cpu.weight"), "10000");
  EXPECT_EQ(value(parent_writes(CgroupVersion::kV2, "", 2), "cpu.weight"), "300");
  EXPECT_TRUE(parent_writes(CgroupVersion::kV1, "memory", 2).empty());
}

TEST(CgroupLayout, TheDaemonWeighsMoreThanWhomItServesAndItsHelpersDont) {
  EXPECT_EQ(value(daemon_writes(CgroupVersion::kV1), "cpu.shares"), "10240");
  EXPECT_EQ(value(daemon_writes(CgroupVersion::kV2), "cpu.weight"), "1000");
  EXPECT_EQ(value(helper_writes(CgroupVersion::kV1), "cpu.shares"), "102");
  EXPECT_EQ(value(helper_writes(CgroupVersion::kV2), "cpu.weight"), "10");
}

TEST(CgroupLayout, TheCapIsAQuotaOfTenMillisecondsAndAStepBack) {
  const std::vector<CpuCap> v1 = {{"cpu.cfs_period_us", "10000", "10000"},
                                  {"cpu.cfs_quota_us", "5000", "-1"},
                                  {"cpu.idle", "1", "0"},
                                  {"cpu.shares", "", "1024"}};
  EXPECT_EQ(cpu_cap(CgroupVersion::kV1, "cpu", 1000, 500), v1);
  EXPECT_TRUE(cpu_cap(CgroupVersion::kV1, "memory", 1000, 500).empty());
  const std::vector<CpuCap> v2 = {
      {"cpu.max", "5000 10000", "max 10000"}, {"cpu.idle", "1", "0"}, {"cpu.weight", "", "100"}};
  EXPECT_EQ(cpu_cap(CgroupVersion::kV2, "", 1000, 500), v2);
  // The kernel takes no quota below a millisecond: small shares have longer periods.
  EXPECT_EQ(cpu_cap(CgroupVersion::kV2, "", 72, 72).front().capped, "1000 13888");
  EXPECT_EQ(cpu_cap(CgroupVersion::kV2, "", 72, 0).front().capped, "1000 1000000");
  EXPECT_EQ(cpu_cap(CgroupVersion::kV2, "", 72, 5788).front().capped, "57880 10000");
}

}  // namespace
}  // namespace caisson::vmm
