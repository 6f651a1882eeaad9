#include "runner/invoke/limits.hh"

#include <algorithm>

#include "vmm/argv.hh"

namespace caisson::runner {

namespace {

constexpr std::uint32_t kOneCpuMib = 1769;
/// Heap, stacks and buffers of QEMU: 16 to 20 MiB of its own were seen, and a response of 6 MB passes through.
constexpr int kQemuMib = 48;
/// A page table takes eight bytes for each page of 4 KiB, and the kernel's record of a page as much again.
constexpr int kPageTableShare = 256;
/// QEMU has four threads, and up to 64 for disks.
constexpr std::uint32_t kThreads = 128;

}  // namespace

int host_overhead_mib(int memory_mib, vmm::Accelerator accelerator) {
  const int cache = accelerator == vmm::Accelerator::kTcg ? vmm::kTranslationCacheMib : 0;
  return kQemuMib + cache + memory_mib / kPageTableShare;
}

std::uint64_t environment_bytes(int memory_mib, vmm::Accelerator accelerator) {
  const int mib = memory_mib + kGuestOverheadMib + host_overhead_mib(memory_mib, accelerator);
  return static_cast<std::uint64_t>(mib) << 20;
}

std::uint32_t cpu_millis(int memory_mib, std::uint32_t min_millis) {
  return std::max(static_cast<std::uint32_t>(memory_mib) * 1000 / kOneCpuMib, min_millis);
}

vmm::CgroupLimits limits_of(int memory_mib, vmm::Accelerator accelerator) {
  return {.memory_bytes = environment_bytes(memory_mib, accelerator),
          .cpu_millis = cpu_millis(memory_mib, 0),
          .pids = kThreads};
}

}  // namespace caisson::runner
