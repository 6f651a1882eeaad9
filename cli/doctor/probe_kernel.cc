#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/fd.hh"
#include "cli/doctor/gather.hh"

namespace caisson::cli::doctor {
namespace {

constexpr const char* kNoBpf =
    "This kernel lacks what netd's programs use: boot Debian's, or set CONFIG_BPF_SYSCALL, "
    "CONFIG_NET_CLS_BPF and CONFIG_BPF_JIT.";

struct MapType {
  const char* name;
  bpf_map_type type;
};
constexpr MapType kMaps[] = {{"hash", BPF_MAP_TYPE_HASH},
                             {"array", BPF_MAP_TYPE_ARRAY},
                             {"lpm-trie", BPF_MAP_TYPE_LPM_TRIE},
                             {"percpu-hash", BPF_MAP_TYPE_PERCPU_HASH},
                             {"percpu-array", BPF_MAP_TYPE_PERCPU_ARRAY}};

struct Helper {
  const char* name;
  bpf_func_id id;
};
constexpr Helper kHelpers[] = {{"redirect", BPF_FUNC_redirect},
                               {"skb-load-bytes", BPF_FUNC_skb_load_bytes},
                               {"skb-store-bytes", BPF_FUNC_skb_store_bytes},
                               {"l3-csum-replace", BPF_FUNC_l3_csum_replace},
                               {"l4-csum-replace", BPF_FUNC_l4_csum_replace},
                               {"csum-diff", BPF_FUNC_csum_diff},
                               {"ktime-get-ns", BPF_FUNC_ktime_get_ns}};

int silent(libbpf_print_level, const char*, va_list) {
  return 0;
}

/// libbpf's probes answer 1, 0, or a negative errno.
Probe bpf_probe(std::string name, int answer) {
  Probe probe{.name = std::move(name), .works = answer > 0, .without_it = kNoBpf};
  if (answer < 0) probe.detail = std::strerror(-answer);
  return probe;
}

void probe_bpf(std::vector<Probe>& probes) {
  libbpf_set_print(silent);
  probes.push_back(
      bpf_probe("bpf.program.sched-cls", libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SCHED_CLS, nullptr)));
  for (const auto& map : kMaps)
    probes.push_back(
        bpf_probe(std::string("bpf.map.") + map.name, libbpf_probe_bpf_map_type(map.type, nullptr)));
  for (const auto& helper : kHelpers) {
    probes.push_back(bpf_probe(std::string("bpf.helper.") + helper.name,
                               libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, helper.id, nullptr)));
  }
}

/// Runs a command in the calling thread's network namespace; its exit status, -1 when it could not be run.
int run(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (auto& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (const int fd : {0, 1, 2})
    ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* environment[] = {path, nullptr};
  pid_t pid = -1;
  std::string program;
  for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"}) {
    if (::access((folder + words[0]).c_str(), X_OK) == 0) program = folder + words[0];
  }
  const int failed = program.empty() ? ENOENT
                                     : ::posix_spawn(&pid, program.c_str(), &actions, nullptr,
                                                     arguments.data(), environment);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return -1;
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct LinkProbe {
  const char* name;
  std::vector<std::string> command;
  const char* advice;
};

/// In a network namespace of the thread's own, which goes with the thread.
void probe_network(std::vector<Probe>& probes) {
  if (::unshare(CLONE_NEWNET) != 0) {
    probes.push_back({.name = "netns",
                      .works = false,
                      .detail = std::strerror(errno),
                      .without_it = "Set CONFIG_NET_NS, and user.max_net_namespaces above 0."});
    return;
  }
  probes.push_back({.name = "netns", .works = true});
  const std::vector<LinkProbe> all{
      {"tap", {"ip", "tuntap", "add", "t0", "mode", "tap"}, "modprobe tun"},
      {"bridge", {"ip", "link", "add", "b0", "type", "bridge"}, "modprobe bridge"},
      {"veth", {"ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"}, "modprobe veth"},
      {"clsact", {"tc", "qdisc", "add", "dev", "lo", "clsact"}, "modprobe sch_ingress"},
      {"nft-masquerade",
       {"nft",
        "add table ip t; add chain ip t c { type nat hook postrouting priority 100; }; add rule ip t c "
        "masquerade"},
       "apt-get install nftables; modprobe nft_masq"}};
  for (const auto& one : all) {
    const int status = run(one.command);
    probes.push_back({.name = one.name,
                      .works = status == 0,
                      .detail = status < 0 ? one.command[0] + " could not be run" : "refused by the kernel",
                      .without_it = one.advice});
  }
}

Probe probe_user_namespace() {
  Probe probe{.name = "userns",
              .without_it = "microVMs are jailed in user namespaces: set user.max_user_namespaces."};
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(CLONE_NEWUSER) == 0 ? 0 : errno);
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  probe.works = child > 0 && status == 0;
  if (!*probe.works)
    probe.detail = std::strerror(child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EAGAIN);
  return probe;
}

Probe probe_bpffs() {
  constexpr long kBpffs = 0xcafe4a11;
  struct statfs facts {};
  const bool mounted = ::statfs("/sys/fs/bpf", &facts) == 0 && facts.f_type == kBpffs;
  return {.name = "bpffs",
          .works = mounted,
          .detail = "not mounted at /sys/fs/bpf",
          .needed = false,
          .without_it = "netd mounts it; to have it from boot: mount -t bpf bpf /sys/fs/bpf"};
}

Probe probe_kvm() {
  Probe probe{.name = "kvm",
              .works = false,
              .needed = false,
              .without_it =
                  "microVMs run without hardware virtualization, 10 to 50 times slower: enable it in the "
                  "firmware (or nested, on a virtual machine), and modprobe kvm_intel or kvm_amd."};
  const Fd kvm = Fd::own(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm) {
    probe.detail = std::string("/dev/kvm: ") + std::strerror(errno);
    return probe;
  }
  if (::ioctl(kvm.get(), KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
    probe.detail = "another version of KVM's interface";
    return probe;
  }
  const Fd machine = Fd::own(::ioctl(kvm.get(), KVM_CREATE_VM, 0));
  if (!machine) {
    probe.detail = std::string("no virtual machine can be made: ") + std::strerror(errno);
    return probe;
  }
  probe.works = true;
  return probe;
}

}  // namespace

std::vector<Probe> probe_kernel(bool root) {
  std::vector<Probe> probes;
  if (root) {
    probe_bpf(probes);
    std::thread([&] { probe_network(probes); }).join();
    probes.push_back(probe_user_namespace());
  } else {
    for (const char* name : {"bpf.program.sched-cls", "netns"})
      probes.push_back({.name = name});
  }
  probes.push_back(probe_bpffs());
  probes.push_back(probe_kvm());
  return probes;
}

}  // namespace caisson::cli::doctor
