// Execution environments as microVMs on netd's slots: the factory that the pool uses in production.
//
// Invariants:
// - A slot is open only while the agent has acknowledged the clock (and, after a restore, entropy and seeds).
// - A slot is sealed before its microVM is paused, and returned only when its QEMU is dead.
// - A microVM's user is used by no other one that is alive; nor is its control group.
// - Its CPU time is capped from an invocation's first kUncappedTime on, and when it has ended, until the next one. Only
//   who is capped in the midst of an invocation changes CPUs for it.
// - Each environment has credentials of its own, given to it after its restore, and serves no longer than they are good for.
// - A microVM that ends before it has been given an event is replaced, twice; its code may have run its init by then,
//   which Lambda, too, may run more than once.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runner/invoke/images.hh"
#include "runner/invoke/netd_link.hh"
#include "runner/invoke/uid_range.hh"
#include "runner/pool/environment.hh"
#include "vmm/cgroup.hh"

namespace caisson::runner {

struct MicroVmSettings {
  std::string region;
  vmm::Accelerator accelerator = vmm::Accelerator::kTcg;
  std::string ca_certificate;        ///< PEM, or empty: see vmm::agent::Init
  std::uint32_t min_cpu_millis = 0;  ///< see cpu_millis()
  /// For the runtime's and the function's init. Lambda's is 10 s; without KVM a guest is ten times slower.
  std::chrono::milliseconds init_timeout{10'000};
  /// For an answer of the agent that takes no work (clock, seeds, snapshot).
  std::chrono::milliseconds agent_timeout{10'000};
  /// Told of each phase of a restore, in order: lease, spawn, load, resume, acknowledge, attach. From any thread.
  std::function<void(const char* phase, double seconds)> on_restore_phase;
};

class MicroVmFactory : public EnvironmentFactory {
 public:
  MicroVmFactory(NetdLink& netd, const Images& images, UidRange& uids, const vmm::CgroupTree& cgroups,
                 MicroVmSettings settings)
      : netd_(netd), images_(images), uids_(uids), cgroups_(cgroups), settings_(std::move(settings)) {}

  Result<std::vector<Placement>> place(const std::string& account, const std::string& user,
                                       const VpcSettings& vpc) override;
  Status release(const std::string& account, const std::string& user) override;
  Result<std::vector<User>> users() override;
  Result<SnapshotPointer> prepare(const Deployment& deployment, const std::function<void()>& begun) override;
  Result<std::unique_ptr<Environment>> restore(const Deployment& deployment,
                                               const SnapshotPointer& snapshot) override;
  Result<std::unique_ptr<Environment>> boot(const Deployment& deployment) override;

 private:
  struct Machine;
  Result<SnapshotPointer> prepare_once(const Deployment& deployment, const std::function<void()>& begun);
  Result<std::unique_ptr<Environment>> restore_once(const Deployment& deployment,
                                                    const SnapshotPointer& snapshot);
  Result<std::unique_ptr<Environment>> boot_once(const Deployment& deployment);
  Result<Machine> make_machine(const Deployment& deployment);
  enum class For : unsigned char { kSnapshot, kInvocations };
  Status boot_and_init(Machine& machine, const Deployment& deployment, For purpose);
  Status init(Machine& machine, const Deployment& deployment, std::uint32_t credential_seconds);
  Result<std::map<std::string, std::string>> new_credentials(Machine& machine, const Deployment& deployment,
                                                             std::uint32_t seconds);
  Status attach(Machine& machine, const Deployment& deployment);
  std::unique_ptr<Environment> finish(std::shared_ptr<Machine> machine);

  NetdLink& netd_;
  const Images& images_;
  UidRange& uids_;
  const vmm::CgroupTree& cgroups_;
  const MicroVmSettings settings_;
  std::atomic<std::uint64_t> turn_ = 0;  ///< environments take turns on a deployment's interfaces
};

}  // namespace caisson::runner
