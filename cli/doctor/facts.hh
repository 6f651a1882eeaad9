// What `caisson doctor` finds out about a host, before anything is judged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace caisson::cli::doctor {

/// Something that was tried. Nothing: it could not be tried, for want of privileges.
struct Probe {
  std::string name;             ///< "BPF map lpm_trie"
  std::optional<bool> works;    ///< whether the kernel has it
  std::string detail = {};      ///< the error, when it does not
  bool needed = true;           ///< without it nothing works; else something is slower
  std::string without_it = {};  ///< what to do, or what follows
};

struct Tool {
  std::string name;                 ///< "qemu-system-x86_64"
  std::string package;              ///< Debian's
  std::optional<int> version = {};  ///< major * 100 + minor; nothing: it isn't there
  int at_least = 0;
  bool needed = true;
};

struct File {
  std::string path;
  unsigned mode = 0;  ///< permission bits
  unsigned uid = 0;
  bool is_folder = false;
  bool is_socket = false;
};

struct Space {
  std::string path;
  std::uint64_t free_bytes = 0;
};

/// What there is of one instance, as names alone show it.
struct Instance {
  std::string name;              ///< "" for the default one
  bool netns = false;            ///< /run/netns/caisson[-NAME]
  bool pins = false;             ///< /sys/fs/bpf/caisson[-NAME]
  bool state = false;            ///< /var/lib/caisson[-NAME]
  bool uplink = false;           ///< the veth in this network namespace
  std::string netd = {};         ///< /healthz's Status: "ok", "degraded"; empty: netd does not answer
  std::string failure = {};      ///< /healthz's LastFailure
  std::string runnerd = {};      ///< the same of runnerd
  std::string accelerator = {};  ///< runnerd's: "kvm" or "tcg"
  std::optional<std::size_t> plan_steps = {};  ///< by which model and kernel differ; with netd only
};

struct Facts {
  bool root = false;
  std::string kernel;  ///< "6.1.0-18-amd64"
  std::vector<Probe> probes;
  std::map<std::string, std::optional<std::string>> sysctls;  ///< nothing: there is no such file
  std::vector<Tool> tools;
  std::uint64_t open_files = 0;          ///< RLIMIT_NOFILE's hard limit
  std::string cgroups = {};              ///< "v1", "v2", "" for none
  std::vector<std::string> controllers;  ///< of those
  std::uint64_t memory_available_bytes = 0;
  std::vector<Space> spaces;
  std::vector<File> files;  ///< of the asked instance: state, keys, sockets
  std::string images_folder;
  std::vector<std::string> images_missing;
  std::vector<Instance> instances;
  std::string asked;                        ///< the instance that was asked for
  std::vector<std::string> stray_microvms;  ///< pids of QEMUs of ours whose parent is gone
};

}  // namespace caisson::cli::doctor
