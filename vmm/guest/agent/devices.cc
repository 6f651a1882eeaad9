#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <map>
#include <sstream>
#include <vector>

#include "vmm/guest/agent/system.hh"

namespace caisson::guest {
namespace {

constexpr int kDeviceTimeoutMs = 60'000;

Status mount_at(const char* source, const std::string& target, const char* type, unsigned long flags,
                const std::string& options = {}) {
  (void)::mkdir(target.c_str(), 0755);
  if (::mount(source, target.c_str(), type, flags, options.c_str()) != 0)
    return Error::system(errno, "mount", target);
  return ok();
}

Status load_modules() {
  std::istringstream order(read_file("/modules/order"));
  for (std::string name; std::getline(order, name);) {
    const std::string path = "/modules/" + name + ".ko";
    const Fd file = Fd::own(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return Error::system(errno, "open", path);
    if (::syscall(SYS_finit_module, file.get(), "", 0) != 0 && errno != EEXIST) {
      return Error::system(errno, "load module", name);
    }
    // Their memory is the function's.
    (void)::unlink(path.c_str());
  }
  return ok();
}

std::vector<std::string> entries(const std::string& folder) {
  std::vector<std::string> names;
  DIR* const dir = ::opendir(folder.c_str());
  if (dir == nullptr) return names;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(dir);
  return names;
}

std::string first_line(const std::string& path) {
  const std::string text = read_file(path);
  return text.substr(0, text.find('\n'));
}

std::string agent_port() {
  for (const std::string& name : entries("/sys/class/virtio-ports")) {
    if (first_line("/sys/class/virtio-ports/" + name + "/name") == "agent") return "/dev/" + name;
  }
  return {};
}

/// The port gets its name by a control message some time after the driver was loaded; the kernel tells by
/// uevents.
Result<Fd> wait_for_port(const Fd& uevents) {
  for (;;) {
    const std::string path = agent_port();
    if (!path.empty()) {
      Fd port = Fd::own(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
      if (port) return port;
      if (errno != ENOENT) return Error::system(errno, "open", path);
    }
    pollfd entry{.fd = uevents.get(), .events = POLLIN, .revents = 0};
    if (::poll(&entry, 1, kDeviceTimeoutMs) == 0)
      return Error::system(ETIMEDOUT, "wait for", "virtio port 'agent'");
    char event[8192];
    (void)!::recv(uevents.get(), event, sizeof event, MSG_DONTWAIT);
  }
}

/// Block devices by the serial that they were given: their letters depend on the order of the command line.
std::map<std::string, std::string> drives_by_serial() {
  std::map<std::string, std::string> drives;
  for (const std::string& name : entries("/sys/block")) {
    const std::string serial = first_line("/sys/block/" + name + "/serial");
    if (!serial.empty()) drives[serial] = "/dev/" + name;
  }
  return drives;
}

/// Memory and process limits of the runtime, its high-water mark, and one switch that kills all of it.
Status make_runtime_cgroup() {
  TRYV(mount_at("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC));
  TRYV(write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory +pids"));
  if (::mkdir("/sys/fs/cgroup/runtime", 0755) != 0) return Error::system(errno, "make cgroup", "runtime");
  TRYV(write_file("/sys/fs/cgroup/runtime/pids.max", "1024"));
  // Out of memory ends the whole runtime, not one of its processes.
  return write_file("/sys/fs/cgroup/runtime/memory.oom.group", "1");
}

/// Near its end of memory a guest without swap can read its own code over and over, for minutes, before the kernel
/// calls it out of memory. With the multi-generational LRU it does so when the pages used within this time don't fit
/// (kernel doc "Multi-Gen LRU", thrashing prevention). A kernel without it boots all the same.
void prevent_thrashing() {
  (void)write_file("/sys/kernel/mm/lru_gen/enabled", "y");
  (void)write_file("/sys/kernel/mm/lru_gen/min_ttl_ms", "100");
}

}  // namespace

Status write_file(const std::string& path, std::string_view text) {
  const Fd file = Fd::own(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return Error::system(errno, "open", path);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Error::system(errno, "write", path);
  }
  return ok();
}

std::string read_file(const std::string& path) {
  const Fd file = Fd::own(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char chunk[4096];
  for (ssize_t count = 0; file && (count = ::read(file.get(), chunk, sizeof chunk)) > 0;) {
    text.append(chunk, static_cast<std::size_t>(count));
  }
  return text;
}

Result<Fd> start_devices() {
  TRYV(mount_at("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC));
  TRYV(mount_at("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC));
  TRYV(mount_at("devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC));
  const Fd uevents = Fd::own(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1;
  if (!uevents || ::bind(uevents.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return Error::system(errno, "listen to", "uevents");
  }
  TRYV(load_modules());
  return wait_for_port(uevents);
}

Status enter_root() {
  const auto drives = drives_by_serial();
  const auto root = drives.find("root");
  if (root == drives.end()) return ok();
  TRYV(mount_at(root->second.c_str(), "/root", "squashfs", MS_RDONLY | MS_NODEV | MS_NOSUID));
  for (const char* folder : {"/proc", "/sys", "/dev"}) {
    const std::string target = std::string("/root") + folder;
    if (::mount(folder, target.c_str(), nullptr, MS_MOVE, nullptr) != 0)
      return Error::system(errno, "move", folder);
  }
  (void)::unlink("/init");
  if (::chdir("/root") != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || ::chroot(".") != 0 ||
      ::chdir("/") != 0) {
    return Error::system(errno, "change to", "the root drive");
  }
  TRYV(mount_at("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m"));
  TRYV(mount_at("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666,mode=0600"));
  prevent_thrashing();
  return make_runtime_cgroup();
}

Status mount_function(std::int64_t tmp_mib) {
  const auto drives = drives_by_serial();
  constexpr unsigned long kReadOnly = MS_RDONLY | MS_NOSUID | MS_NODEV;
  TRYV(mount_at("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV,
                "mode=1777,size=" + std::to_string(tmp_mib) + "m"));
  if (const auto code = drives.find("code"); code != drives.end()) {
    TRYV(mount_at(code->second.c_str(), "/var/task", "squashfs", kReadOnly));
  }
  std::string lower;
  int layers = 0;
  for (;; ++layers) {
    const auto layer = drives.find("layer" + std::to_string(layers + 1));
    if (layer == drives.end()) break;
    const std::string target = "/run/" + layer->first;
    TRYV(mount_at(layer->second.c_str(), target, "squashfs", kReadOnly));
    lower = lower.empty() ? target : target + ":" + lower;
  }
  if (layers == 1) {
    if (::mount(lower.c_str(), "/opt", nullptr, MS_BIND, nullptr) != 0)
      return Error::system(errno, "mount", "/opt");
  } else if (layers > 1) {
    TRYV(mount_at("overlay", "/opt", "overlay", kReadOnly, "lowerdir=" + lower));
  }
  return ok();
}

Status trust_authority(const std::string& certificate) {
  constexpr const char* kImages = "/etc/ssl/certs/ca-certificates.crt";
  constexpr const char* kOurs = "/run/ca-certificates.crt";
  if (certificate.empty()) return ok();
  const std::string trusted = read_file(kImages);
  // A guest without a root drive has none; nothing in it speaks TLS.
  if (trusted.empty()) return ok();
  if (!Fd::own(::open(kOurs, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)))
    return Error::system(errno, "make", kOurs);
  TRYV(write_file(kOurs, trusted + "\n" + certificate));
  if (::mount(kOurs, kImages, nullptr, MS_BIND, nullptr) != 0 ||
      ::mount(nullptr, kImages, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, nullptr) !=
          0) {
    return Error::system(errno, "mount", kImages);
  }
  return ok();
}

}  // namespace caisson::guest
