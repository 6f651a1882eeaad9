// A microVM's spec to QEMU's command line: pure, so that the whole of it stands in golden tests.
#pragma once

#include <string>
#include <vector>

#include "base/result.hh"
#include "vmm/micro_vm.hh"

namespace caisson::vmm {

inline constexpr const char* kQemu = "/usr/bin/qemu-system-x86_64";
/// The `microvm` machine has 24 virtio-mmio slots; with all of them filled the guest hangs while it probes
/// them (QEMU 7.2). The agent's serial device takes one, the network one.
inline constexpr std::size_t kMaxVirtioDevices = 23;
inline constexpr std::size_t kMaxDrives = kMaxVirtioDevices - 2;
/// TCG's cache of translated code; QEMU's own default is up to 1 GiB, which a guest could fill. When it is full QEMU
/// begins it anew.
inline constexpr int kTranslationCacheMib = 64;
inline constexpr int kMinMemoryMib = 128;
inline constexpr int kMaxMemoryMib = 10240;
/// As many as Lambda gives with the most memory.
inline constexpr int kMaxCpus = 6;

/// The numbers which the descriptors have inside QEMU.
struct InheritedFds {
  int qmp = -1;             ///< connected socket
  int agent = -1;           ///< connected socket
  int console = -1;         ///< connected socket
  int memory = -1;          ///< memfd of the guest's size
  int tap = -1;             ///< -1: no network device
  int kernel = -1;          ///< opened read-only; not needed to restore
  int initrd = -1;          ///< the same
  std::vector<int> drives;  ///< opened read-only, one for each of spec.drives
};

enum class Start {
  kBoot,            ///< memory private to the process
  kBootToSnapshot,  ///< memory shared with the memfd
  kRestore,         ///< memory copied on write from the memfd; QEMU waits for migrate-incoming
};

/// Errors: "InvalidSpec" with the member that is out of range.
Status check(const MicroVmSpec& spec);

/// The arguments, kQemu first. `spec` has passed check(). `tsc_khz` is the host's TSC frequency: a guest
/// under TCG that must calibrate its TSC itself hangs when the host is busy.
std::vector<std::string> argv(const MicroVmSpec& spec, const InheritedFds& fds, Start start, long tsc_khz);

}  // namespace caisson::vmm
