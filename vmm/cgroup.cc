#include "vmm/cgroup.hh"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "vmm/spawn.hh"

namespace caisson::vmm {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// A group whose last process has just been reaped can be busy for a moment; nothing tells of its end on v1.
constexpr auto kBusyPatience = std::chrono::seconds(5);
constexpr auto kCleanerPatience = std::chrono::seconds(60);
/// For a predecessor's cleaner.
constexpr auto kLockPatience = std::chrono::seconds(20);

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

Status write_to(const Fd& file, const std::string& text, const std::string& path) {
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return Error::system(errno, "write '" + text + "' to", path);
  return ok();
}

Status write_text(const std::string& path, const std::string& text) {
  const Fd file = Fd::own(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return Error::system(errno, "open", path);
  return write_to(file, text, path);
}

Status write_all(const std::string& folder, const std::vector<CgroupWrite>& writes) {
  for (const CgroupWrite& one : writes) {
    const Status written = write_text(folder + "/" + one.file, one.text);
    if (!written && !(one.optional && written.error().errno_value == ENOENT)) return written;
  }
  return ok();
}

Status make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return Error::system(errno, "make cgroup", path);
  return ok();
}

/// Until `deadline` while it is busy. True: it is gone.
bool remove_group(const std::string& folder, Clock::time_point deadline) {
  for (auto wait = milliseconds(1);; wait = std::min(wait * 2, milliseconds(50))) {
    if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return true;
    if (errno != EBUSY || Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(wait);
  }
}

std::vector<std::string> groups_in(const std::string& parent) {
  std::vector<std::string> groups;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(parent, failed)) {
    if (entry.is_directory(failed)) groups.push_back(entry.path().string());
  }
  return groups;
}

/// Our group is ours alone when its only process is this one.
bool is_alone(const CgroupFacts& facts) {
  // As if it were: the layout then names our own group.
  CgroupFacts assumed = facts;
  assumed.alone = true;
  const auto layout = find_layout(assumed, "x");
  if (!layout || layout.value().version != CgroupVersion::kV2) return false;
  std::istringstream processes(read_text(layout.value().enable_in.front() + "/cgroup.procs"));
  for (pid_t pid = 0; processes >> pid;) {
    if (pid != ::getpid()) return false;
  }
  return true;
}

/// v2's root; there is one mount of it at most that matters.
std::string v2_controllers(const std::string& mountinfo) {
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream words(line);
    std::string skipped;
    std::string point;
    words >> skipped >> skipped >> skipped >> skipped >> point;
    return read_text(point + "/cgroup.controllers");
  }
  return {};
}

/// Those that this thread may use, in ascending order.
std::vector<unsigned> own_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

Status stay_on(const std::vector<unsigned>& cpus) {
  const cpu_set_t set = set_of(cpus);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) return Error::system(errno, "set", "the CPUs to run on");
  return ok();
}

/// What the layout still needs to know, once it is known where our groups are.
void gather_of(const CgroupLayout& layout, CgroupFacts& facts) {
  if (layout.version == CgroupVersion::kV2) {
    facts.delegated = read_text(layout.enable_in.front() + "/cgroup.controllers");
    return;
  }
  const auto cpuset = std::ranges::find(layout.hierarchies, "cpuset", &CgroupLayout::Hierarchy::controller);
  if (cpuset == layout.hierarchies.end()) return;
  const std::filesystem::path own = std::filesystem::path(cpuset->parent).parent_path();
  facts.memory_nodes = read_text(own / "cpuset.effective_mems");
  if (facts.memory_nodes.ends_with('\n')) facts.memory_nodes.pop_back();
}

CgroupFacts gather(std::optional<unsigned> reserved_cpus) {
  CgroupFacts facts;
  facts.cpus = divide_cpus(own_cpus(), reserved_cpus);
  facts.mountinfo = read_text("/proc/self/mountinfo");
  facts.self = read_text("/proc/self/cgroup");
  facts.controllers = v2_controllers(facts.mountinfo);
  facts.alone = is_alone(facts);
  if (const auto layout = find_layout(facts, "x")) gather_of(layout.value(), facts);
  return facts;
}

/// Is `folder` still the one that is open as `fd`?
bool is_same(const std::string& folder, const Fd& fd) {
  struct stat by_name {};
  struct stat by_fd {};
  return ::stat(folder.c_str(), &by_name) == 0 && ::fstat(fd.get(), &by_fd) == 0 &&
         by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

/// Makes the folder and locks it. A predecessor's cleaner holds the lock until it has removed the folder, or it would
/// remove ours.
Result<Fd> make_locked(const std::string& folder) {
  const auto deadline = Clock::now() + kLockPatience;
  for (;; std::this_thread::sleep_for(milliseconds(20))) {
    TRYV(make_folder(folder));
    Fd fd = Fd::own(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && is_same(folder, fd)) return fd;
    if (Clock::now() >= deadline)
      return Error::system(EBUSY, "lock (does another runnerd use it?) cgroup", folder);
  }
}

Status move_to_leaf(const CgroupLayout& layout) {
  if (layout.leaf.empty()) return ok();
  TRYV(make_folder(layout.leaf));
  return write_text(layout.leaf + "/cgroup.procs", "0");
}

Status make_parents(const CgroupLayout& layout) {
  for (const auto& hierarchy : layout.hierarchies) {
    TRYV(make_folder(hierarchy.parent));
  }
  for (const std::string& folder : layout.enable_in) {
    TRYV(write_text(folder + "/cgroup.subtree_control", layout.enabled));
  }
  for (const auto& hierarchy : layout.hierarchies) {
    TRYV(write_all(hierarchy.parent,
                   parent_writes(layout.version, hierarchy.controller, std::thread::hardware_concurrency())));
    TRYV(write_all(hierarchy.parent, cpu_writes(layout, hierarchy.controller)));
  }
  return ok();
}

/// The cleaner's life. The parent may be in a hierarchy's root, whose mode (0555) lets not even its owner write.
[[noreturn]] void clean_after(const CgroupLayout& layout, int alive, int lock) {
  (void)::dup2(alive, 0);
  (void)::dup2(lock, 1);
  (void)::syscall(SYS_close_range, 3U, ~0U, 0U);
  (void)::prctl(PR_SET_NAME, "caisson-cgroups");
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::uint32_t write_anywhere = 1U << CAP_DAC_OVERRIDE;
  const __user_cap_data_struct kept[2] = {{.effective = write_anywhere, .permitted = write_anywhere}, {}};
  const __user_cap_data_struct none[2] = {};
  // A service may have been started without it; it is given a group of its own then.
  if (::syscall(SYS_capset, &header, kept) != 0) (void)::syscall(SYS_capset, &header, none);
  // A terminal's or a stopping service's signals are for the daemon; its end is what we wait for.
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  char byte = 0;
  while (::read(0, &byte, 1) < 0 && errno == EINTR) {
  }
  const auto deadline = Clock::now() + kCleanerPatience;
  // The first one's parent is what a successor locks: it goes last, or he would make what we then remove.
  for (auto hierarchy = layout.hierarchies.rbegin(); hierarchy != layout.hierarchies.rend(); ++hierarchy) {
    for (const std::string& group : groups_in(hierarchy->parent))
      (void)remove_group(group, deadline);
    (void)remove_group(hierarchy->parent, deadline);
  }
  ::_exit(0);
}

}  // namespace

Cgroup::~Cgroup() {
  const auto deadline = Clock::now() + kBusyPatience;
  for (const std::string& folder : folders_)
    (void)remove_group(folder, deadline);
}

std::vector<int> Cgroup::tasks_fds() const {
  std::vector<int> raw;
  for (const Fd& one : tasks_)
    raw.push_back(one.get());
  return raw;
}

const std::vector<unsigned>& Cgroup::cpus() const {
  return layout_->cpus.reserved.empty() ? layout_->cpus.reserved : layout_->cpus.all;
}

Status Cgroup::prepare(const std::string& folder, std::vector<CpuCap> caps, std::vector<CapFile>& files) {
  for (CpuCap& cap : caps) {
    const std::string path = folder + "/" + cap.file;
    Fd file = Fd::own(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) return Error::system(errno, "open", path);
    files.push_back({std::move(cap), std::move(file)});
  }
  return ok();
}

Status Cgroup::set_cpu_cap(std::uint32_t millis) {
  for (std::size_t i = 0; i < folders_.size(); ++i) {
    TRYV(prepare(folders_[i], cpu_cap(layout_->version, controllers_[i], cpu_share_, millis), caps_));
    TRYV(prepare(folders_[i], cpu_step_aside(*layout_, controllers_[i]), confinement_));
  }
  return ok();
}

Status Cgroup::write_caps(const std::vector<CapFile>& files, std::string CpuCap::*text) {
  for (const auto& [cap, file] : files) {
    const std::string& wanted = cap.*text;
    if (wanted.empty()) continue;
    TRYV(write_to(file, wanted, cap.file));
  }
  return ok();
}

Status Cgroup::hold_back_cpu() {
  return write_caps(caps_, &CpuCap::capped);
}

Status Cgroup::cap_cpu() {
  confined_ = true;
  TRYV(write_caps(confinement_, &CpuCap::capped));
  return hold_back_cpu();
}

Status Cgroup::free_cpu() {
  if (confined_) {
    TRYV(write_caps(confinement_, &CpuCap::free));
  }
  confined_ = false;
  return write_caps(caps_, &CpuCap::free);
}

Result<std::unique_ptr<CgroupTree>> CgroupTree::open(const std::string& name,
                                                     std::optional<unsigned> reserved_cpus) {
  TRY(auto layout, find_layout(gather(reserved_cpus), name));
  std::unique_ptr<CgroupTree> tree(new CgroupTree(std::move(layout)));
  TRYV(move_to_leaf(tree->layout_));
  TRY(tree->lock_, make_locked(tree->layout_.hierarchies.front().parent));
  tree->prune();
  TRYV(make_parents(tree->layout_));
  return tree;
}

Status CgroupTree::start_cleaner() {
  int raw[2];
  if (::pipe2(raw, O_CLOEXEC) != 0) return Error::system(errno, "make", "a pipe");
  const Fd theirs = Fd::own(raw[0]);
  alive_ = Fd::own(raw[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return Error::system(errno, "fork", "the cleaner of cgroups");
  if (pid == 0) clean_after(layout_, theirs.get(), lock_.get());
  return ok();
}

Status CgroupTree::enter() {
  TRYV(make_folder(layout_.daemon));
  TRYV(write_all(layout_.daemon, daemon_writes(layout_.version)));
  TRYV(make_folder(layout_.helpers));
  TRYV(write_all(layout_.helpers, helper_writes(layout_.version)));
  // v1: a thread that moves itself by `tasks` waits for nobody; v2 knows whole processes only.
  const std::string joined =
      layout_.helpers + (layout_.version == CgroupVersion::kV1 ? "/tasks" : "/cgroup.procs");
  helpers_ = Fd::own(::open(joined.c_str(), O_WRONLY | O_CLOEXEC));
  if (!helpers_) return Error::system(errno, "open", joined);
  TRYV(write_text(layout_.daemon + "/cgroup.procs", "0"));
  return layout_.cpus.reserved.empty() ? ok() : stay_on(layout_.cpus.reserved);
}

Result<Cgroup> CgroupTree::make(const std::string& name, const CgroupLimits& limits) const {
  Cgroup group;
  group.layout_ = &layout_;
  group.cpu_share_ = limits.cpu_millis;
  for (const auto& hierarchy : layout_.hierarchies) {
    const std::string folder = hierarchy.parent + "/" + name;
    if (::mkdir(folder.c_str(), 0755) != 0) {
      if (errno != EEXIST) return Error::system(errno, "make cgroup", folder);
      if (!remove_group(folder, Clock::now() + kBusyPatience) || ::mkdir(folder.c_str(), 0755) != 0)
        return Error::system(errno, "make anew cgroup", folder);
    }
    group.controllers_.push_back(hierarchy.controller);
    group.folders_.push_back(folder);
    TRYV(write_all(folder, limit_writes(layout_.version, hierarchy.controller, limits)));
    TRYV(write_all(folder, cpu_writes(layout_, hierarchy.controller)));
    if (layout_.version == CgroupVersion::kV2) {
      group.folder_ = Fd::own(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!group.folder_) return Error::system(errno, "open cgroup", folder);
      continue;
    }
    group.tasks_.push_back(Fd::own(::open((folder + "/tasks").c_str(), O_WRONLY | O_CLOEXEC)));
    if (!group.tasks_.back()) return Error::system(errno, "open tasks of cgroup", folder);
  }
  return group;
}

std::size_t CgroupTree::prune() const {
  std::size_t left = 0;
  for (const auto& hierarchy : layout_.hierarchies) {
    for (const std::string& group : groups_in(hierarchy.parent)) {
      if (!remove_group(group, Clock::now())) ++left;
    }
  }
  return left;
}

}  // namespace caisson::vmm
