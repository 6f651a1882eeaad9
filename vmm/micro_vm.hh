// One microVM: what it is made of, how it starts, and what can be asked of it.
//
// The interface is narrow on purpose, so that another VMM can stand behind it. It knows neither VPCs nor
// functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::vmm {

class Cgroup;

/// A read-only virtio-blk drive; the guest finds it by `serial` in /sys/block/*/serial.
struct Drive {
  std::string serial;  ///< "root", "code", "layer1"; [a-z0-9], at most 20
  std::string path;    ///< opened by us, so QEMU's user needs no access to it
};

enum class Accelerator { kKvm, kTcg };

/// What a microVM is made of. A clone must be restored with the same spec as its snapshot was taken with, but
/// for the tap, the uid, and the path of drives that the guest had not mounted.
struct MicroVmSpec {
  std::string kernel;  ///< uncompressed vmlinux with PVH entry; opened by us, but readable by `uid`
  std::string initrd;  ///< the same
  int memory_mib = 128;
  int cpus = 1;
  std::vector<Drive> drives;
  std::string mac;               ///< of the network device; empty: QEMU's default
  std::string kernel_arguments;  ///< appended to what the VMM needs itself
  Accelerator accelerator = Accelerator::kTcg;
  std::uint32_t uid = 65534;  ///< QEMU runs as this user and group, without capabilities
  /// Borrowed; outlives the microVM, not its snapshot. Null: QEMU stays in our group.
  const Cgroup* cgroup = nullptr;
};

/// Device state and memory of a stopped microVM, both in RAM (sealed memfds); shared by any number of clones.
struct Snapshot {
  Fd memory;
  Fd state;
  MicroVmSpec spec;
  std::uint64_t bytes = 0;  ///< memory in use, for the budget
};

/// A running QEMU. All calls block and are made by one thread at a time; the process dies with the object
/// and, by PDEATHSIG, with runnerd. Time-outs are errors with code "Timeout"; afterwards the object is of no
/// further use.
class MicroVm {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// Spawns QEMU on the tap and boots; returns when QMP answers, the guest not being ready yet.
  /// `share_memory` true: a snapshot may be taken later.
  static Result<std::unique_ptr<MicroVm>> boot(const MicroVmSpec& spec, Fd tap, bool share_memory);

  /// Spawns QEMU with the snapshot's memory (copy on write) and state and leaves it paused. There must be a
  /// tap if and only if there was one at boot. Thread-safe for one snapshot. `spawned`, if there is one, is called
  /// when QMP answers and the state is about to be loaded.
  static Result<std::unique_ptr<MicroVm>> restore(const Snapshot& snapshot, const MicroVmSpec& spec, Fd tap,
                                                  const std::function<void()>& spawned = {});

  virtual ~MicroVm() = default;

  /// The guest agent's channel (virtio-serial port "agent"): a connected SOCK_STREAM socket, owned by the
  /// MicroVm.
  [[nodiscard]] virtual int agent_fd() const = 0;
  [[nodiscard]] virtual int pid() const = 0;
  /// Becomes readable when the process has ended (pidfd).
  [[nodiscard]] virtual int exit_fd() const = 0;

  // Bounded by a few seconds each: a QEMU that does not answer is of no further use.
  virtual Status pause() = 0;   ///< QMP stop
  virtual Status resume() = 0;  ///< QMP cont
  /// Stops the guest for good and takes its state; the microVM can't run afterwards.
  virtual Result<Snapshot> snapshot() = 0;
  /// SIGKILL and reap. Idempotent. Afterwards QEMU's copy of the tap is closed.
  virtual void kill() = 0;
  /// The last 64 KiB of the serial console, for diagnosis.
  [[nodiscard]] virtual std::string console() const = 0;
};

/// How long a boot may take, and how often it is tried: under TCG on a busy host some boots hang.
struct BootPolicy {
  std::chrono::milliseconds attempt = std::chrono::seconds(60);
  int attempts = 3;
};

/// MicroVm::boot(), then waits for the agent's READY; a boot that did not come so far in time is killed and
/// tried anew. The next thing that the agent takes is `init`. Errors: those of the last attempt, the end of
/// the console in the message; "InvalidSpec" and system errors at once.
Result<std::unique_ptr<MicroVm>> boot_until_ready(const MicroVmSpec& spec, const Fd& tap, bool share_memory,
                                                  const BootPolicy& policy = {});

/// Can a QEMU be started as every microVM is, in namespaces of its own? Called once, at start. Errors: "NoNamespaces";
/// the step that failed; "QemuFailed" when it could not run there.
Status check_isolation(std::uint32_t uid);

/// KVM where a probe boots a guest to READY within five seconds, as the user that the guests will have, else
/// TCG. Called once, at start; takes up to those five seconds.
Accelerator probe_accelerator(const std::string& kernel, const std::string& initrd,
                              std::uint32_t uid = 65534);

}  // namespace caisson::vmm
