#include "vmm/jail.hh"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "base/capabilities.hh"
#include "base/fd.hh"

namespace caisson::vmm {
namespace {

// <sys/mount.h> and <linux/mount.h> of Debian 12 don't go together; the calls are made by number.
constexpr unsigned long kPrivate = 1UL << 18;
constexpr unsigned long kRecursive = 1UL << 14;
constexpr unsigned long kBind = 1UL << 12;
constexpr unsigned long kNoExec = 1UL << 3;
constexpr unsigned long kNoDevices = 1UL << 2;
constexpr unsigned long kNoSetuid = 1UL << 1;
constexpr int kDetach = 2;

/// Covered by the new root, in the child's mount namespace only. It exists everywhere and nothing is bound from it.
constexpr const char* kNewRoot = "/tmp";

// Of a QEMU: its channels, a drive for each layer, and some for itself.
constexpr rlim_t kMaxDescriptors = 256;
// Its threads for disks are up to 64.
constexpr rlim_t kMaxThreads = 128;
// It writes one file, the device state of a snapshot: tens of KiB.
constexpr rlim_t kMaxFileBytes = 16 << 20;

long mount_call(const char* source, const char* target, const char* type, unsigned long flags,
                const char* options) {
  return ::syscall(SYS_mount, source, target, type, flags, options);
}

long set_attributes(const char* path, std::uint64_t attributes, unsigned int flags) {
  mount_attr change{};
  change.attr_set = attributes;
  return ::syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &change, sizeof change);
}

void add_parents(std::vector<JailStep>& steps, std::set<std::string>& made, const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(1, slash - 1);
    if (made.insert(folder).second) steps.push_back({JailStep::Kind::kMakeFolder, folder, {}});
  }
}

bool carry_out(const JailStep& step) {
  const char* path = step.path.c_str();
  switch (step.kind) {
    case JailStep::Kind::kMakeFolder:
      return ::mkdir(path, 0755) == 0;
    case JailStep::Kind::kMakeFile:
      return ::mknod(path, S_IFREG | 0444, 0) == 0;
    case JailStep::Kind::kMakeLink:
      return ::symlink(step.source.c_str(), path) == 0;
    case JailStep::Kind::kBind:
      // Attributes are added: those that the mount outside has can't be taken away here, and need not be known.
      return mount_call(step.source.c_str(), path, nullptr, kBind | kRecursive, nullptr) == 0 &&
             set_attributes(path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, AT_RECURSIVE) ==
                 0;
    case JailStep::Kind::kBindDevice:
      return mount_call(step.source.c_str(), path, nullptr, kBind, nullptr) == 0 &&
             set_attributes(path, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0) == 0;
  }
  return false;
}

Status write_whole(const std::string& path, const std::string& text) {
  const Fd file = Fd::own(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return Error::system(errno, "open", path);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return Error::system(errno, "write", path);
  return ok();
}

std::string to_itself(std::uint32_t id) {
  return std::to_string(id) + " " + std::to_string(id) + " 1\n";
}

}  // namespace

std::vector<JailStep> plan(const Jail& jail) {
  using Kind = JailStep::Kind;
  std::vector<JailStep> steps;
  std::set<std::string> made;
  const auto add = [&](const std::string& path, Kind make, Kind bind) {
    add_parents(steps, made, path);
    steps.push_back({make, path.substr(1), {}});
    steps.push_back({bind, path.substr(1), path});
  };
  for (const std::string& path : jail.folders)
    add(path, Kind::kMakeFolder, Kind::kBind);
  for (const std::string& path : jail.files)
    add(path, Kind::kMakeFile, Kind::kBind);
  for (const std::string& path : jail.devices)
    add(path, Kind::kMakeFile, Kind::kBindDevice);
  for (const auto& [path, target] : jail.links) {
    add_parents(steps, made, path);
    steps.push_back({Kind::kMakeLink, path.substr(1), target});
  }
  return steps;
}

std::uint64_t jail_clone_flags() {
  return CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
}

Status map_users(pid_t child, std::uint32_t uid, const std::vector<std::uint32_t>& groups) {
  const std::string folder = "/proc/" + std::to_string(child);
  // Who may not choose groups gives up the choice for the child (user_namespaces(7)).
  if (!has_capability(CAP_SETGID)) {
    TRYV(write_whole(folder + "/setgroups", "deny"));
  }
  std::set<std::uint32_t> all(groups.begin(), groups.end());
  all.insert(uid);
  std::string group_map;
  for (const std::uint32_t group : all)
    group_map += to_itself(group);
  TRYV(write_whole(folder + "/gid_map", group_map));
  return write_whole(folder + "/uid_map", to_itself(uid));
}

const char* enter_jail(const std::vector<JailStep>& steps) {
  if (mount_call(nullptr, "/", nullptr, kPrivate | kRecursive, nullptr) != 0) return "make mounts private";
  if (mount_call("caisson", kNewRoot, "tmpfs", kNoSetuid | kNoDevices, "mode=0755,size=256k,nr_inodes=128") !=
      0)
    return "mount the root";
  if (::chdir(kNewRoot) != 0) return "enter the root";
  for (const JailStep& step : steps) {
    if (!carry_out(step)) return "show a path";
  }
  if (::mkdir("proc", 0555) != 0 ||
      mount_call("proc", "proc", "proc", kNoSetuid | kNoDevices | kNoExec, "subset=pid") != 0)
    return "mount /proc";
  // The old root ends up on top of the new one and is let go (pivot_root(2), "pivot_root(".", ".")").
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return "change the root";
  if (::syscall(SYS_umount2, ".", kDetach) != 0) return "leave the old root";
  if (set_attributes("/", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0) != 0)
    return "close the root";
  // The count is the namespace's own.
  const rlimit threads{.rlim_cur = kMaxThreads, .rlim_max = kMaxThreads};
  if (::setrlimit(RLIMIT_NPROC, &threads) != 0) return "setrlimit";
  return nullptr;
}

const char* limit_resources() {
  struct Limit {
    decltype(RLIMIT_CORE) resource;
    rlim_t value;
  };
  constexpr Limit kLimits[] = {{RLIMIT_CORE, 0},    {RLIMIT_NOFILE, kMaxDescriptors},
                               {RLIMIT_MEMLOCK, 0}, {RLIMIT_FSIZE, kMaxFileBytes},
                               {RLIMIT_NICE, 0},    {RLIMIT_MSGQUEUE, 0},
                               {RLIMIT_RTPRIO, 0}};
  for (const Limit& limit : kLimits) {
    const rlimit both{.rlim_cur = limit.value, .rlim_max = limit.value};
    if (::setrlimit(limit.resource, &both) != 0) return "setrlimit";
  }
  return nullptr;
}

}  // namespace caisson::vmm
