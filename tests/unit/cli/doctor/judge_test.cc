#include "cli/doctor/judge.hh"

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <set>

namespace caisson::cli::doctor {
namespace {

constexpr std::uint64_t kGiB = 1024ULL * 1024 * 1024;

/// A host on which nothing is amiss.
Facts healthy() {
  return {
      .root = true,
      .kernel = "6.1.0-18-amd64",
      .probes = {{.name = "bpf.map.hash", .works = true}, {.name = "kvm", .works = true, .needed = false}},
      .sysctls = {{"kernel/modules_disabled", "0"},
                  {"kernel/unprivileged_bpf_disabled", "2"},
                  {"net/core/bpf_jit_enable", "1"},
                  {"net/ipv4/ip_forward", "1"},
                  {"user/max_net_namespaces", "96365"},
                  {"user/max_user_namespaces", "96365"},
                  {"vm/overcommit_memory", "0"}},
      .tools = {{"qemu-system-x86_64", "qemu-system-x86", 702, 702},
                {"mmdebstrap", "mmdebstrap", 103, 0, false}},
      .open_files = 65536,
      .cgroups = "v2",
      .controllers = {"cpu", "memory", "pids"},
      .memory_available_bytes = 8 * kGiB,
      .spaces = {{"/var/lib/caisson", 50 * kGiB}},
      .files = {{.path = "/var/lib/caisson", .mode = 0711, .is_folder = true},
                {.path = "/var/lib/caisson/sealing.key", .mode = 0600},
                {.path = "/run/caisson/netd.sock", .mode = 0660, .is_socket = true}},
      .images_folder = "/var/cache/caisson",
      .instances = {{.netns = true,
                     .pins = true,
                     .state = true,
                     .uplink = true,
                     .netd = "ok",
                     .runnerd = "ok",
                     .accelerator = "kvm",
                     .plan_steps = 0}}};
}

TEST(Judge, FindsNothingOnAHealthyHost) {
  const auto findings = judge(healthy());
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.status, Status::kOk) << finding.check << ": " << finding.found;
    EXPECT_EQ(finding.advice, "") << finding.check;
  }
  EXPECT_EQ(exit_status(findings), 0);
}

struct Case {
  const char* name;
  std::function<void(Facts&)> spoil;
  const char* check;
  Status status;
  const char* advice;  ///< a part of it
};

const Case kCases[] = {
    {"OldKernel", [](Facts& f) { f.kernel = "5.10.0-28-amd64"; }, "kernel.version", Status::kFailure, "6.1"},
    {"KernelWithoutNumbers", [](Facts& f) { f.kernel = "custom"; }, "kernel.version", Status::kFailure,
     "6.1"},
    {"MissingMap",
     [](Facts& f) { f.probes[0] = {.name = "bpf.map.hash", .works = false, .without_it = "boot another"}; },
     "kernel.bpf.map.hash", Status::kFailure, "boot another"},
    {"NoKvm",
     [](Facts& f) { f.probes[1] = {.name = "kvm", .works = false, .needed = false, .without_it = "slower"}; },
     "kernel.kvm", Status::kWarning, "slower"},
    {"NotTried", [](Facts& f) { f.probes[0].works.reset(); }, "kernel.bpf.map.hash", Status::kUnknown,
     "root"},
    {"NoModules", [](Facts& f) { f.sysctls["kernel/modules_disabled"] = "1"; },
     "sysctl.kernel.modules_disabled", Status::kWarning, "reboot"},
    {"OpenBpf", [](Facts& f) { f.sysctls["kernel/unprivileged_bpf_disabled"] = "0"; },
     "sysctl.kernel.unprivileged_bpf_disabled", Status::kWarning, "sysctl -w"},
    {"NoNamespaces", [](Facts& f) { f.sysctls["user/max_net_namespaces"] = "0"; },
     "sysctl.user.max_net_namespaces", Status::kFailure, "sysctl -w"},
    {"ForwardingSwitchedOff", [](Facts& f) { f.sysctls["net/ipv4/ip_forward"] = "0"; },
     "sysctl.net.ipv4.ip_forward", Status::kFailure, "ip_forward=1"},
    {"NoQemu", [](Facts& f) { f.tools[0].version.reset(); }, "program.qemu-system-x86_64", Status::kFailure,
     "apt-get install --no-install-recommends qemu-system-x86"},
    {"OldQemu", [](Facts& f) { f.tools[0].version = 502; }, "program.qemu-system-x86_64", Status::kFailure,
     "7.2"},
    {"NoMmdebstrap", [](Facts& f) { f.tools[1].version.reset(); }, "program.mmdebstrap", Status::kWarning,
     "apt-get"},
    {"FewFiles", [](Facts& f) { f.open_files = 1024; }, "limits.open-files", Status::kWarning, "LimitNOFILE"},
    {"NoControlGroups",
     [](Facts& f) {
       f.cgroups = "";
       f.controllers.clear();
     },
     "cgroup.controllers", Status::kFailure, "mount"},
    {"NoMemoryController",
     [](Facts& f) {
       f.controllers = {"cpu", "pids"};
     },
     "cgroup.controllers", Status::kFailure, "cgroup_enable=memory"},
    {"NoMemory", [](Facts& f) { f.memory_available_bytes = 100 << 20; }, "memory.available", Status::kWarning,
     "--snapshot-memory"},
    {"FullDisk", [](Facts& f) { f.spaces[0].free_bytes = 0; }, "disk./var/lib/caisson", Status::kWarning,
     "room"},
    {"OpenFolder", [](Facts& f) { f.files[0].mode = 0755; }, "file./var/lib/caisson", Status::kFailure,
     "chmod go-rw /var/lib/caisson"},
    {"OpenKey", [](Facts& f) { f.files[1].mode = 0640; }, "file./var/lib/caisson/sealing.key",
     Status::kFailure, "new access keys"},
    {"OpenSocket", [](Facts& f) { f.files[2].mode = 0666; }, "file./run/caisson/netd.sock", Status::kFailure,
     "chmod o="},
    {"NoImages", [](Facts& f) { f.images_missing = {"vmlinux"}; }, "images", Status::kFailure,
     "caisson-images"},
    {"NoNetd",
     [](Facts& f) {
       f.instances[0].netd = "";
       f.instances[0].plan_steps.reset();
     },
     "daemon.netd", Status::kWarning, "systemctl start caisson-netd"},
    {"DegradedNetd", [](Facts& f) { f.instances[0].netd = "degraded"; }, "daemon.netd", Status::kFailure,
     "plan"},
    {"NoRunnerd", [](Facts& f) { f.instances[0].runnerd = ""; }, "daemon.runnerd", Status::kWarning,
     "systemctl"},
    {"LoneRunnerd", [](Facts& f) { f.instances[0].runnerd = "degraded"; }, "daemon.runnerd", Status::kFailure,
     "attach.sock"},
    {"Emulation", [](Facts& f) { f.instances[0].accelerator = "tcg"; }, "daemon.accelerator",
     Status::kWarning, "nested"},
    {"Drift", [](Facts& f) { f.instances[0].plan_steps = 3; }, "kernel-and-model", Status::kFailure,
     "restart netd"},
    {"FabricWithoutNetd", [](Facts& f) { f.instances[0].netd = ""; }, "leftover.caisson", Status::kWarning,
     "takes it over"},
    {"PinsOfNobody", [](Facts& f) { f.instances.push_back({.name = "old", .pins = true}); },
     "leftover.caisson-old", Status::kWarning, "rm -r /sys/fs/bpf/caisson-old"},
    {"StrayMicroVm", [](Facts& f) { f.stray_microvms = {"4711"}; }, "leftover.microvm", Status::kWarning,
     "kill -KILL 4711"},
};

class JudgeCases : public testing::TestWithParam<Case> {};

TEST_P(JudgeCases, SaysWhatIsAmissAndWhatToDo) {
  Facts facts = healthy();
  GetParam().spoil(facts);
  const auto findings = judge(facts);
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [](const Finding& finding) { return finding.check == GetParam().check; });
  ASSERT_NE(found, findings.end());
  EXPECT_EQ(found->status, GetParam().status);
  EXPECT_THAT(found->advice, testing::HasSubstr(GetParam().advice));
  EXPECT_EQ(exit_status(findings), GetParam().status == Status::kFailure ? 1 : 0);
}

INSTANTIATE_TEST_SUITE_P(All, JudgeCases, testing::ValuesIn(kCases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(Judge, AnotherInstanceThatRunsIsNoLeftover) {
  Facts facts = healthy();
  facts.instances.push_back({.name = "lab", .netns = true, .pins = true, .state = true, .netd = "ok"});
  EXPECT_EQ(exit_status(judge(facts)), 0);
  for (const Finding& finding : judge(facts))
    EXPECT_EQ(finding.status, Status::kOk) << finding.check;
}

TEST(Judge, NamesEachCheckOnce) {
  Facts facts = healthy();
  std::set<std::string> names;
  for (const Finding& finding : judge(facts))
    EXPECT_TRUE(names.insert(finding.check).second) << finding.check;
}

}  // namespace
}  // namespace caisson::cli::doctor
