// Boots that are waited for: until the agent is ready, and the probe for KVM.
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.hh"
#include "vmm/agent_client.hh"
#include "vmm/micro_vm.hh"

namespace caisson::vmm {
namespace {

constexpr std::size_t kConsoleInError = 2000;

Result<std::unique_ptr<MicroVm>> attempt(const MicroVmSpec& spec, const Fd& tap, bool share_memory,
                                         std::chrono::milliseconds time) {
  const auto deadline = AgentClient::Clock::now() + time;
  Fd copy;
  if (tap) {
    TRY(copy, tap.duplicate());
  }
  TRY(auto vm, MicroVm::boot(spec, std::move(copy), share_memory));
  AgentClient agent(vm->agent_fd(), [](std::string_view, std::int64_t) {});
  if (auto ready = agent.wait_ready(deadline); !ready) {
    vm->kill();
    std::string console = vm->console();
    if (console.size() > kConsoleInError) console.erase(0, console.size() - kConsoleInError);
    return std::move(ready).error().within("boot (console: " + console + ")");
  }
  return vm;
}

}  // namespace

Result<std::unique_ptr<MicroVm>> boot_until_ready(const MicroVmSpec& spec, const Fd& tap, bool share_memory,
                                                  const BootPolicy& policy) {
  for (int left = policy.attempts;; --left) {
    auto vm = attempt(spec, tap, share_memory, policy.attempt);
    const bool again = !vm && (vm.error().code == "Timeout" || vm.error().code == "Disconnected");
    if (!again || left <= 1) return vm;
  }
}

Accelerator probe_accelerator(const std::string& kernel, const std::string& initrd, std::uint32_t uid) {
  // Without the device there is nothing to wait for.
  if (::access("/dev/kvm", F_OK) != 0) return Accelerator::kTcg;
  const MicroVmSpec spec{.kernel = kernel, .initrd = initrd, .accelerator = Accelerator::kKvm, .uid = uid};
  const auto vm = attempt(spec, Fd(), false, std::chrono::seconds(5));
  return vm ? Accelerator::kKvm : Accelerator::kTcg;
}

}  // namespace caisson::vmm
