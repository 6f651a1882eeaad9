// What an environment may take of the machine, by its function's memory size. Pure.
#pragma once

#include <chrono>
#include <cstdint>

#include "vmm/cgroup_layout.hh"
#include "vmm/micro_vm.hh"

namespace caisson::runner {

/// What the guest's kernel and agent take: of 128 MiB 35 are the kernel's, and the agent holds an event of 6 MB and
/// its copy for the socket. The function gets its memory size besides.
inline constexpr int kGuestOverheadMib = 64;

/// The most that QEMU takes beside the guest's memory, MiB: its heap, stacks and page tables; without KVM its cache of
/// translated code, too (vmm::kTranslationCacheMib).
int host_overhead_mib(int memory_mib, vmm::Accelerator accelerator);

/// All that an environment can take, bytes: the limit of its group, and what the pool's budget counts.
std::uint64_t environment_bytes(int memory_mib, vmm::Accelerator accelerator);

/// The environment's CPU in thousandths: in proportion to memory, 1,769 MB are one CPU ("Lambda quotas, Memory"), but
/// at least `min_millis`. The guest has one CPU, so more than 1000 serves QEMU's own threads.
std::uint32_t cpu_millis(int memory_mib, std::uint32_t min_millis);

/// An invocation's first time has no cap: most end within it, and a restored guest still has its code to translate or to
/// fault in. A long one is capped from then on, and so is what a function leaves running behind its answer.
inline constexpr std::chrono::milliseconds kUncappedTime{100};

/// The limits of its group. The weight is proportional to memory, also where the cap is not.
vmm::CgroupLimits limits_of(int memory_mib, vmm::Accelerator accelerator);

}  // namespace caisson::runner
