#include "vmm/cgroup_layout.hh"

#include <algorithm>
#include <array>
#include <map>
#include <sstream>

namespace caisson::vmm {
namespace {

constexpr std::array<const char*, 3> kControllers = {"memory", "cpu", "pids"};
constexpr std::uint64_t kPeriodUs = 10'000;
/// The kernel takes no shorter quota.
constexpr std::uint64_t kLeastQuotaUs = 1'000;
constexpr std::uint64_t kLongestPeriodUs = 1'000'000;
/// Ten CPUs' worth: some 0.5 ms for each invocation must not wait for as many microVMs as have work.
constexpr std::uint64_t kDaemonMillis = 10'000;
/// As much as a function of 177 MB.
constexpr std::uint64_t kHelperMillis = 100;

struct Mount {
  std::string root;   ///< the group that is mounted
  std::string point;  ///< where
};

struct Mounts {
  std::map<std::string, Mount> v1;  ///< by controller
  std::vector<Mount> v2;
};

/// Mount points with spaces and the like are written in octal (proc_pid_mountinfo(5)); none of cgroup's has any.
Mounts find_mounts(const std::string& mountinfo) {
  Mounts mounts;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream first(line.substr(0, dash));
    std::istringstream second(line.substr(dash + 3));
    std::string skipped;
    Mount mount;
    std::string type;
    std::string options;
    first >> skipped >> skipped >> skipped >> mount.root >> mount.point;
    second >> type >> skipped >> options;
    if (type == "cgroup2") mounts.v2.push_back(mount);
    if (type != "cgroup") continue;
    std::istringstream words(options);
    for (std::string word; std::getline(words, word, ',');)
      mounts.v1.emplace(word, mount);
  }
  return mounts;
}

/// Our group in a hierarchy: "ID:CONTROLLERS:PATH"; v2's has no controllers.
std::string own_path(const std::string& self, const std::string& controller) {
  std::istringstream lines(self);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controllers == "," + controller + "," ||
        (!controller.empty() && controllers.find("," + controller + ",") != std::string::npos))
      return line.substr(second + 1);
  }
  return "/";
}

/// Where a group is in the file system. A container may have mounted its own group as the root.
std::string folder_of(const Mount& mount, std::string path) {
  if (mount.root != "/" && path.starts_with(mount.root)) path.erase(0, mount.root.size());
  return path.empty() || path == "/" ? mount.point : mount.point + path;
}

bool has_word(const std::string& text, const std::string& wanted) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (word == wanted) return true;
  }
  return false;
}

/// In the hierarchy that has the cpu controller.
void place_daemon(CgroupLayout& layout) {
  for (const auto& hierarchy : layout.hierarchies) {
    if (!hierarchy.controller.empty() && hierarchy.controller != "cpu") continue;
    layout.daemon = hierarchy.parent + "/runnerd";
    layout.helpers = hierarchy.parent + "/helpers";
  }
}

/// "0,2,3", as cpuset.cpus takes it.
std::string text_of(const std::vector<unsigned>& cpus) {
  std::string text;
  for (const unsigned cpu : cpus)
    text += (text.empty() ? "" : ",") + std::to_string(cpu);
  return text;
}

CgroupLayout v2_layout(const CgroupFacts& facts, const Mount& mount, const std::string& name) {
  CgroupLayout layout;
  layout.version = CgroupVersion::kV2;
  const std::string base = facts.alone ? folder_of(mount, own_path(facts.self, "")) : mount.point;
  if (facts.alone) layout.leaf = base + "/caisson-cgroups";
  layout.hierarchies = {{"", base + "/" + name}};
  layout.enable_in = {base, base + "/" + name};
  layout.enabled = "+memory +cpu +pids";
  if (!facts.cpus.reserved.empty() && has_word(facts.alone ? facts.delegated : facts.controllers, "cpuset")) {
    layout.enabled += " +cpuset";
    layout.cpus = facts.cpus;
  }
  place_daemon(layout);
  return layout;
}

/// v1's shares: 1024 is a process outside of groups; 2 is the least that the kernel takes.
std::string shares(std::uint64_t millis) {
  return std::to_string(std::clamp<std::uint64_t>(millis * 1024 / 1000, 2, 262'144));
}

/// v2's weight: 100 is a process outside of groups.
std::string weight(std::uint64_t millis) {
  return std::to_string(std::clamp<std::uint64_t>(millis / 10, 1, 10'000));
}

CgroupWrite weight_write(CgroupVersion version, std::uint64_t millis) {
  if (version == CgroupVersion::kV2) return {"cpu.weight", weight(millis)};
  return {"cpu.shares", shares(millis)};
}

}  // namespace

Result<CgroupLayout> find_layout(const CgroupFacts& facts, const std::string& name) {
  const Mounts mounts = find_mounts(facts.mountinfo);
  const auto in_v1 = [&](const char* controller) { return mounts.v1.contains(controller); };
  const auto in_v2 = [&](const char* controller) {
    return !mounts.v2.empty() && has_word(facts.controllers, controller);
  };
  if (std::ranges::all_of(kControllers, in_v1)) {
    CgroupLayout layout;
    layout.version = CgroupVersion::kV1;
    for (const char* controller : kControllers) {
      const std::string own = folder_of(mounts.v1.at(controller), own_path(facts.self, controller));
      layout.hierarchies.push_back({controller, own + "/" + name});
    }
    if (in_v1("cpuset") && !facts.cpus.reserved.empty()) {
      const std::string own = folder_of(mounts.v1.at("cpuset"), own_path(facts.self, "cpuset"));
      layout.hierarchies.push_back({"cpuset", own + "/" + name});
      layout.cpus = facts.cpus;
      layout.memory_nodes = facts.memory_nodes;
    }
    place_daemon(layout);
    return layout;
  }
  if (std::ranges::all_of(kControllers, in_v2)) return v2_layout(facts, mounts.v2.front(), name);
  std::string missing;
  for (const char* controller : kControllers) {
    if (!in_v1(controller) && !in_v2(controller))
      missing += std::string(missing.empty() ? "" : ", ") + controller;
  }
  return Error{.code = "NoCgroups",
               .message = missing.empty()
                              ? "the cgroup controllers memory, cpu and pids are spread over v1 and v2"
                              : "no cgroup controller " + missing};
}

std::vector<CgroupWrite> limit_writes(CgroupVersion version, const std::string& controller,
                                      const CgroupLimits& limits) {
  const std::string memory = std::to_string(limits.memory_bytes);
  const std::string pids = std::to_string(limits.pids);
  if (version == CgroupVersion::kV2) {
    return {{"memory.max", memory},
            {"memory.swap.max", "0", true},  // absent without swap support
            {"memory.oom.group", "1"},
            {"cpu.weight", weight(limits.cpu_millis)},
            {"pids.max", pids}};
  }
  if (controller == "memory") {
    // A tenant's memory must not reach a disk.
    return {{"memory.limit_in_bytes", memory}, {"memory.swappiness", "0", true}};
  }
  if (controller == "cpu") return {{"cpu.shares", shares(limits.cpu_millis)}};
  if (controller == "pids") return {{"pids.max", pids}};
  return {};
}

std::vector<CpuCap> cpu_cap(CgroupVersion version, const std::string& controller, std::uint32_t share,
                            std::uint32_t cap) {
  const std::uint64_t millis = std::max<std::uint64_t>(cap, 1);
  const std::uint64_t period_us = std::clamp(kLeastQuotaUs * 1000 / millis, kPeriodUs, kLongestPeriodUs);
  const std::string quota = std::to_string(std::max(millis * period_us / 1000, kLeastQuotaUs));
  const std::string period = std::to_string(period_us);
  // An idle group has no weight; one that ceases to be idle has the default one.
  if (version == CgroupVersion::kV2)
    return {{"cpu.max", quota + " " + period, "max " + period},
            {"cpu.idle", "1", "0"},
            {"cpu.weight", "", weight(share)}};
  if (controller != "cpu") return {};
  return {{"cpu.cfs_period_us", period, period},
          {"cpu.cfs_quota_us", quota, "-1"},
          {"cpu.idle", "1", "0"},
          {"cpu.shares", "", shares(share)}};
}

CpuDivision divide_cpus(std::vector<unsigned> cpus, std::optional<unsigned> reserved) {
  const std::size_t count = cpus.size();
  const std::size_t wanted = reserved.value_or(static_cast<unsigned>((count + 15) / 16));
  const std::size_t taken = std::min(wanted, count - std::min<std::size_t>(count, 1));
  CpuDivision division{.all = std::move(cpus), .reserved = {}, .others = {}};
  if (taken == 0) return division;
  const auto border = division.all.begin() + static_cast<std::ptrdiff_t>(taken);
  division.reserved.assign(division.all.begin(), border);
  division.others.assign(border, division.all.end());
  return division;
}

std::vector<CgroupWrite> cpu_writes(const CgroupLayout& layout, const std::string& controller) {
  if (layout.cpus.reserved.empty()) return {};
  const std::string all = text_of(layout.cpus.all);
  if (layout.version == CgroupVersion::kV2) return {{"cpuset.cpus", all}};
  if (controller != "cpuset") return {};
  // A v1 group begins without any of them. Its own load balancing would make the kernel rebuild its scheduling domains
  // at each change of CPUs; the hierarchy's root balances.
  return {{"cpuset.sched_load_balance", "0"}, {"cpuset.mems", layout.memory_nodes}, {"cpuset.cpus", all}};
}

std::vector<CpuCap> cpu_step_aside(const CgroupLayout& layout, const std::string& controller) {
  if (layout.cpus.reserved.empty()) return {};
  if (layout.version == CgroupVersion::kV1 && controller != "cpuset") return {};
  return {{"cpuset.cpus", text_of(layout.cpus.others), text_of(layout.cpus.all)}};
}

std::vector<CgroupWrite> parent_writes(CgroupVersion version, const std::string& controller, unsigned cpus) {
  if (version == CgroupVersion::kV1 && controller != "cpu") return {};
  return {weight_write(version, (cpus + 1ULL) * 1000)};
}

std::vector<CgroupWrite> daemon_writes(CgroupVersion version) {
  return {weight_write(version, kDaemonMillis)};
}

std::vector<CgroupWrite> helper_writes(CgroupVersion version) {
  return {weight_write(version, kHelperMillis)};
}

}  // namespace caisson::vmm
