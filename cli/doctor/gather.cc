#include "cli/doctor/gather.hh"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/instance.hh"

namespace caisson::cli::doctor {
namespace {

constexpr unsigned kFirstGuestUid = 200000;

std::optional<std::string> first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

/// The first "7.2" in what `command` prints; 0 when it prints none, nothing when it can't be run. `command` is one of
/// the constants below.
std::optional<int> version_of(const char* command) {
  struct Closer {
    void operator()(FILE* pipe) const { (void)::pclose(pipe); }
  };
  const std::unique_ptr<FILE, Closer> pipe(::popen(command, "re"));
  std::array<char, 256> line{};
  if (!pipe || std::fgets(line.data(), line.size(), pipe.get()) == nullptr) return std::nullopt;
  const char* end = line.data() + std::char_traits<char>::length(line.data());
  for (const char* at = line.data(); at != end; ++at) {
    unsigned major = 0;
    unsigned minor = 0;
    const auto first = std::from_chars(at, end, major);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') continue;
    if (std::from_chars(first.ptr + 1, end, minor).ec == std::errc())
      return static_cast<int>(major * 100 + minor);
  }
  return 0;
}

std::vector<Tool> find_tools() {
  constexpr const char* kQemu = "PATH=/usr/sbin:/usr/bin:/sbin:/bin qemu-system-x86_64 --version 2>/dev/null";
  constexpr const char* kSquashfs = "PATH=/usr/sbin:/usr/bin:/sbin:/bin mksquashfs -version 2>/dev/null";
  constexpr const char* kNft = "PATH=/usr/sbin:/usr/bin:/sbin:/bin nft --version 2>/dev/null";
  constexpr const char* kIp = "PATH=/usr/sbin:/usr/bin:/sbin:/bin ip -V 2>/dev/null";
  constexpr const char* kMmdebstrap = "PATH=/usr/sbin:/usr/bin:/sbin:/bin mmdebstrap --version 2>/dev/null";
  return {{"qemu-system-x86_64", "qemu-system-x86", version_of(kQemu), 702},
          {"mksquashfs", "squashfs-tools", version_of(kSquashfs), 405},
          {"nft", "nftables", version_of(kNft), 100},
          {"ip", "iproute2", version_of(kIp), 0},
          {"mmdebstrap", "mmdebstrap squashfs-tools lz4 cpio", version_of(kMmdebstrap), 0, false}};
}

std::map<std::string, std::optional<std::string>> read_sysctls() {
  std::map<std::string, std::optional<std::string>> values;
  for (const char* name : {"kernel/modules_disabled", "kernel/unprivileged_bpf_disabled",
                           "net/core/bpf_jit_enable", "net/ipv4/ip_forward", "user/max_net_namespaces",
                           "user/max_user_namespaces", "vm/overcommit_memory"}) {
    values[name] = first_line(std::string("/proc/sys/") + name);
  }
  return values;
}

void find_cgroups(Facts& facts) {
  if (const auto v2 = first_line("/sys/fs/cgroup/cgroup.controllers")) {
    facts.cgroups = "v2";
    std::istringstream words(*v2);
    for (std::string word; words >> word;)
      facts.controllers.push_back(word);
    return;
  }
  std::error_code failed;
  for (const char* controller : {"memory", "cpu", "pids"}) {
    if (!std::filesystem::exists(std::string("/sys/fs/cgroup/") + controller + "/tasks", failed)) continue;
    facts.cgroups = "v1";
    facts.controllers.emplace_back(controller);
  }
}

std::uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::uint64_t kib = 0;
  std::string unit;
  while (file >> name >> kib && std::getline(file, unit)) {
    if (name == "MemAvailable:") return kib * 1024;
  }
  return 0;
}

/// Free space where `path` is or would be made.
void add_space(std::string path, std::vector<Space>& spaces) {
  struct statvfs facts {};
  const std::string named = path;
  while (::statvfs(path.c_str(), &facts) != 0 && path.size() > 1)
    path = std::filesystem::path(path).parent_path().string();
  spaces.push_back({named, std::uint64_t{facts.f_bavail} * facts.f_frsize});
}

void add_file(const std::string& path, std::vector<File>& files) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return;
  files.push_back({.path = path,
                   .mode = status.st_mode & 07777U,
                   .uid = status.st_uid,
                   .is_folder = S_ISDIR(status.st_mode),
                   .is_socket = S_ISSOCK(status.st_mode)});
}

std::vector<File> find_files(const std::string& name) {
  std::vector<File> files;
  // In a unit runnerd has a folder of its own in it.
  for (const std::string& state : {"/var/lib/" + name, "/var/lib/" + name + "/runner"}) {
    add_file(state, files);
    std::error_code failed;
    std::vector<std::string> inside;
    for (const auto& entry : std::filesystem::directory_iterator(state, failed))
      inside.push_back(entry.path().string());
    std::sort(inside.begin(), inside.end());
    for (const auto& path : inside) {
      if (!std::filesystem::is_directory(path, failed)) add_file(path, files);
    }
  }
  for (const char* socket : {"/netd.sock", "/attach.sock", "/runner.sock"})
    add_file("/run/" + name + socket, files);
  return files;
}

/// A QEMU of a guest's user whose parent is no runnerd.
std::vector<std::string> find_stray_microvms() {
  std::vector<std::string> pids;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
    const std::string pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string comm = first_line("/proc/" + pid + "/comm").value_or("");
    struct stat status {};
    if (!comm.starts_with("qemu-system") || ::stat(("/proc/" + pid).c_str(), &status) != 0) continue;
    std::ifstream file("/proc/" + pid + "/status");
    std::string parent;
    unsigned uid = 0;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("PPid:\t")) parent = line.substr(6);
      if (line.starts_with("Uid:\t")) (void)std::from_chars(line.data() + 5, line.data() + line.size(), uid);
    }
    if (uid < kFirstGuestUid) continue;
    if (first_line("/proc/" + parent + "/comm").value_or("") == "systemd" || parent == "1")
      pids.push_back(pid);
  }
  return pids;
}

}  // namespace

Facts gather(const std::string& instance, const std::string& images_folder) {
  const std::string name = instance_name(instance);
  Facts facts{.root = ::geteuid() == 0, .images_folder = images_folder, .asked = instance};
  utsname kernel{};
  if (::uname(&kernel) == 0) facts.kernel = kernel.release;
  facts.probes = probe_kernel(facts.root);
  facts.sysctls = read_sysctls();
  facts.tools = find_tools();
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) facts.open_files = files.rlim_max;
  find_cgroups(facts);
  facts.memory_available_bytes = available_memory();
  add_space("/var/lib/" + name, facts.spaces);
  add_space(images_folder, facts.spaces);
  facts.files = find_files(name);
  std::error_code failed;
  for (const char* image :
       {"vmlinux", "initrd.cpio.gz", "python3.11.squashfs", "nodejs18.x.squashfs", "manifest.json"}) {
    if (!std::filesystem::is_regular_file(images_folder + "/" + image, failed))
      facts.images_missing.emplace_back(image);
  }
  facts.instances = find_instances(instance);
  facts.stray_microvms = find_stray_microvms();
  return facts;
}

}  // namespace caisson::cli::doctor
