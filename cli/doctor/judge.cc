#include "cli/doctor/judge.hh"

#include <algorithm>
#include <charconv>

#include "base/instance.hh"

namespace caisson::cli::doctor {
namespace {

constexpr int kLeastMajor = 6;
constexpr int kLeastMinor = 1;
constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::uint64_t kLeastMemory = 512 * kMiB;
constexpr std::uint64_t kLeastSpace = 1024 * kMiB;
constexpr std::uint64_t kLeastFiles = 4096;
constexpr unsigned kOthers = 0077;
constexpr unsigned kOthersOfFolders = 0066;

using Findings = std::vector<Finding>;

std::string mebibytes(std::uint64_t bytes) {
  return std::to_string(bytes / kMiB) + " MiB";
}

void judge_kernel(const Facts& facts, Findings& findings) {
  int major = 0;
  int minor = 0;
  const char* end = facts.kernel.data() + facts.kernel.size();
  const auto first = std::from_chars(facts.kernel.data(), end, major);
  if (first.ptr != end) (void)std::from_chars(first.ptr + 1, end, minor);
  const bool enough = major > kLeastMajor || (major == kLeastMajor && minor >= kLeastMinor);
  findings.push_back({"kernel.version", enough ? Status::kOk : Status::kFailure, "Linux " + facts.kernel,
                      enough ? "" : "Boot Linux 6.1 or later, as Debian 12 has it."});
  for (const Probe& probe : facts.probes) {
    Finding finding{.check = "kernel." + probe.name};
    if (!probe.works) {
      finding.status = Status::kUnknown;
      finding.found = "not tried";
      finding.advice = "Run this as root.";
    } else if (*probe.works) {
      finding.found = "there";
    } else {
      finding.status = probe.needed ? Status::kFailure : Status::kWarning;
      finding.found = probe.detail.empty() ? "missing" : probe.detail;
      finding.advice = probe.without_it;
    }
    findings.push_back(std::move(finding));
  }
}

struct Wanted {
  const char* name;
  const char* bad;  ///< the value that is amiss
  Status status;
  const char* advice;
};

constexpr Wanted kSysctls[] = {
    {"kernel/modules_disabled", "1", Status::kWarning,
     "Modules that are not loaded yet can't be: reboot, and load tun, bridge, veth, sch_ingress, cls_bpf and "
     "nf_tables "
     "before it is set."},
    {"kernel/unprivileged_bpf_disabled", "0", Status::kWarning,
     "Any user may load BPF programs: sysctl -w kernel.unprivileged_bpf_disabled=2"},
    {"net/core/bpf_jit_enable", "0", Status::kWarning,
     "BPF programs are interpreted, several times slower: sysctl -w net.core.bpf_jit_enable=1"},
    {"user/max_net_namespaces", "0", Status::kFailure,
     "No network namespace can be made: sysctl -w user.max_net_namespaces=1024"},
    {"user/max_user_namespaces", "0", Status::kFailure,
     "Each microVM runs in a user namespace of its own: sysctl -w user.max_user_namespaces=10000"},
    {"vm/overcommit_memory", "2", Status::kWarning,
     "Guests' memory is promised whole though it is used in part: sysctl -w vm.overcommit_memory=0"},
};

void judge_sysctls(const Facts& facts, Findings& findings) {
  for (const Wanted& wanted : kSysctls) {
    const auto found = facts.sysctls.find(wanted.name);
    Finding finding{.check = "sysctl." + std::string(wanted.name)};
    std::replace(finding.check.begin(), finding.check.end(), '/', '.');
    if (found == facts.sysctls.end() || !found->second) {
      finding.found = "this kernel has none";
    } else {
      finding.found = *found->second;
      if (*found->second == wanted.bad) {
        finding.status = wanted.status;
        finding.advice = wanted.advice;
      }
    }
    findings.push_back(std::move(finding));
  }
  const auto forward = facts.sysctls.find("net/ipv4/ip_forward");
  const bool off = forward != facts.sysctls.end() && forward->second == "0";
  const bool running = std::any_of(facts.instances.begin(), facts.instances.end(), [&](const Instance& one) {
    return one.name == facts.asked && one.uplink;
  });
  findings.push_back(
      {"sysctl.net.ipv4.ip_forward", off && running ? Status::kFailure : Status::kOk, off ? "0" : "1",
       off && running ? "Something has switched it off after netd had switched it on; functions "
                        "don't reach the internet: sysctl -w net.ipv4.ip_forward=1"
                      : ""});
}

std::string version_text(int version) {
  return std::to_string(version / 100) + "." + std::to_string(version % 100);
}

void judge_tools(const Facts& facts, Findings& findings) {
  for (const Tool& tool : facts.tools) {
    Finding finding{.check = "program." + tool.name};
    const Status bad = tool.needed ? Status::kFailure : Status::kWarning;
    if (!tool.version) {
      finding.status = bad;
      finding.found = "missing";
      finding.advice = "apt-get install --no-install-recommends " + tool.package;
    } else {
      finding.found = *tool.version == 0 ? "there" : version_text(*tool.version);
      if (*tool.version < tool.at_least) {
        finding.status = bad;
        finding.advice = "Version " + version_text(tool.at_least) + " or later is needed.";
      }
    }
    findings.push_back(std::move(finding));
  }
}

void judge_resources(const Facts& facts, Findings& findings) {
  const bool files = facts.open_files >= kLeastFiles;
  findings.push_back(
      {"limits.open-files", files ? Status::kOk : Status::kWarning, std::to_string(facts.open_files),
       files ? "" : "Each microVM needs some ten: raise LimitNOFILE, or ulimit -Hn, to 65536."});
  std::string missing;
  for (const char* controller : {"memory", "cpu", "pids"}) {
    if (std::find(facts.controllers.begin(), facts.controllers.end(), controller) == facts.controllers.end())
      missing += (missing.empty() ? "" : ", ") + std::string(controller);
  }
  if (facts.cgroups.empty()) {
    findings.push_back({"cgroup.controllers", Status::kFailure, "no control groups are mounted",
                        "mount -t cgroup2 none /sys/fs/cgroup"});
  } else {
    findings.push_back(
        {"cgroup.controllers", missing.empty() ? Status::kOk : Status::kFailure,
         facts.cgroups + (missing.empty() ? "" : ", without " + missing),
         missing.empty() ? "" : "microVMs can't be limited: boot with cgroup_enable=" + missing});
  }
  const bool memory = facts.memory_available_bytes >= kLeastMemory;
  findings.push_back(
      {"memory.available", memory ? Status::kOk : Status::kWarning, mebibytes(facts.memory_available_bytes),
       memory ? "" : "Hardly a microVM fits: free some, or lower runnerd's --memory and --snapshot-memory."});
  for (const Space& space : facts.spaces) {
    const bool enough = space.free_bytes >= kLeastSpace;
    findings.push_back({"disk." + space.path, enough ? Status::kOk : Status::kWarning,
                        mebibytes(space.free_bytes) + " free",
                        enough ? "" : "When it is full, changes are refused: make room."});
  }
}

void judge_files(const Facts& facts, Findings& findings) {
  for (const File& file : facts.files) {
    Finding finding{.check = "file." + file.path};
    constexpr const char* kDigits = "01234567";
    finding.found = {kDigits[file.mode >> 6 & 7], kDigits[file.mode >> 3 & 7], kDigits[file.mode & 7]};
    finding.found += " of uid " + std::to_string(file.uid);
    // A socket is open to the group that an operator chose, never to everybody. A folder that others may pass through
    // but not list shows them nothing but what is open itself.
    const unsigned closed = file.is_socket ? 0007U : file.is_folder ? kOthersOfFolders : kOthers;
    if ((file.mode & closed) != 0) {
      finding.status = Status::kFailure;
      finding.advice =
          std::string("chmod ") +
          (file.is_socket   ? "o="
           : file.is_folder ? "go-rw"
                            : "go=") +
          " " + file.path +
          (file.is_folder ? "" : "; others may have read it: make new access keys if it holds any");
    }
    findings.push_back(std::move(finding));
  }
  std::string missing;
  for (const auto& image : facts.images_missing)
    missing += (missing.empty() ? "" : ", ") + image;
  findings.push_back(
      {"images", missing.empty() ? Status::kOk : Status::kFailure,
       missing.empty() ? facts.images_folder : "missing in " + facts.images_folder + ": " + missing,
       missing.empty() ? "" : "Make them: caisson-images (or ./dev images)."});
}

void judge_daemons(const Facts& facts, const Instance& asked, Findings& findings) {
  const std::string unit = facts.asked.empty() ? "" : " --instance " + facts.asked;
  Finding netd{.check = "daemon.netd", .found = asked.netd.empty() ? "does not answer" : asked.netd};
  if (asked.netd.empty()) {
    netd.status = Status::kWarning;
    netd.advice = "Start it: systemctl start caisson-netd, or netd" + unit;
  } else if (asked.netd != "ok") {
    netd.status = Status::kFailure;
    netd.found += ": " + asked.failure;
    netd.advice = "The kernel refused something; netd tries again every two seconds. See `caisson plan`.";
  }
  findings.push_back(std::move(netd));
  Finding runnerd{.check = "daemon.runnerd",
                  .found = asked.runnerd.empty() ? "does not answer" : asked.runnerd};
  if (asked.runnerd.empty()) {
    runnerd.status = Status::kWarning;
    runnerd.advice = "Start it: systemctl start caisson-runnerd, or runnerd" + unit;
  } else if (asked.runnerd != "ok") {
    runnerd.status = Status::kFailure;
    runnerd.advice = "It is not connected to netd: see netd, and attach.sock's mode and owner.";
  }
  findings.push_back(std::move(runnerd));
  if (!asked.accelerator.empty()) {
    const bool fast = asked.accelerator == "kvm";
    findings.push_back(
        {"daemon.accelerator", fast ? Status::kOk : Status::kWarning, asked.accelerator,
         fast ? ""
              : "No guest booted with KVM when runnerd started: functions start and run slower. "
                "See kernel.kvm; on a virtual machine, its host must offer nested virtualization."});
  }
  if (!asked.plan_steps) return;
  const bool same = *asked.plan_steps == 0;
  findings.push_back({"kernel-and-model", same ? Status::kOk : Status::kFailure,
                      same ? "agree" : "differ by " + std::to_string(*asked.plan_steps) + " steps",
                      same ? "" : "`caisson plan` lists them; restart netd to take them."});
}

/// What an instance without netd leaves on a host is there on purpose as long as netd shall come back.
void judge_leftovers(const Facts& facts, Findings& findings) {
  std::size_t found = 0;
  for (const Instance& one : facts.instances) {
    if (!one.netd.empty() || !(one.netns || one.pins || one.uplink)) continue;
    ++found;
    const std::string name = instance_name(one.name);
    std::string parts;
    for (const auto& [there, part] : {std::pair{one.netns, "network namespace " + name},
                                      std::pair{one.pins, "maps in /sys/fs/bpf/" + name},
                                      std::pair{one.uplink, std::string("the uplink's end on this host")}}) {
      if (there) parts += (parts.empty() ? "" : ", ") + part;
    }
    const std::string table = one.name.empty() ? "caisson" : "caisson_" + one.name;
    findings.push_back(
        {"leftover." + name, Status::kWarning, parts + ", and no netd",
         one.state ? "Its netd takes it over when it starts. To remove it instead: ip netns delete " + name +
                         "; nft delete table ip " + table + "; rm -r /sys/fs/bpf/" + name
                   : "There is no state to start from. Remove it: ip netns delete " + name +
                         "; nft delete table ip " + table + "; rm -r /sys/fs/bpf/" + name});
  }
  for (const auto& pid : facts.stray_microvms) {
    ++found;
    findings.push_back({"leftover.microvm", Status::kWarning, "process " + pid + " outlived its runnerd",
                        "kill -KILL " + pid});
  }
  if (found == 0) findings.push_back({"leftovers", Status::kOk, "none", ""});
}

}  // namespace

const char* text(Status status) {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kWarning:
      return "warning";
    case Status::kFailure:
      return "failure";
    case Status::kUnknown:
      return "unknown";
  }
  return "";
}

std::vector<Finding> judge(const Facts& facts) {
  Findings findings;
  judge_kernel(facts, findings);
  judge_sysctls(facts, findings);
  judge_tools(facts, findings);
  judge_resources(facts, findings);
  judge_files(facts, findings);
  const auto asked = std::find_if(facts.instances.begin(), facts.instances.end(),
                                  [&](const Instance& one) { return one.name == facts.asked; });
  judge_daemons(facts, asked == facts.instances.end() ? Instance{} : *asked, findings);
  judge_leftovers(facts, findings);
  return findings;
}

int exit_status(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.status == Status::kFailure; })
             ? 1
             : 0;
}

}  // namespace caisson::cli::doctor
