#include "runner/settings.hh"

#include <unistd.h>

#include <algorithm>

#include "base/instance.hh"
#include "runner/invoke/limits.hh"

namespace caisson::runner {

void complete(Options& options) {
  const std::string name = instance_name(options.instance);
  if (options.state_dir.empty()) options.state_dir = "/var/lib/" + name;
  if (options.run_dir.empty()) options.run_dir = "/run/" + name;
  if (options.memory_mib == 0) {
    const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
    options.memory_mib = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / (1024 * 1024) * 3 / 4;
  }
}

PoolSettings pool_settings(const Options& options, vmm::Accelerator accelerator) {
  PoolSettings settings;
  settings.environment_bytes = [accelerator](int memory_mib) {
    return environment_bytes(memory_mib, accelerator);
  };
  // One user of the range is for helpers.
  const std::size_t users = options.uid_count - 1;
  settings.limits = {.environments = std::min(options.max_environments, users),
                     .by_users = users < options.max_environments,
                     .memory_bytes = options.memory_mib << 20U};
  settings.ages = {.freeze_after = std::chrono::milliseconds(options.freeze_after_ms),
                   .reclaim_after = std::chrono::seconds(options.reclaim_after_s)};
  settings.snapshot_bytes = options.snapshot_mib << 20U;
  return settings;
}

MicroVmSettings micro_vm_settings(const Options& options, vmm::Accelerator accelerator) {
  const bool slow = accelerator == vmm::Accelerator::kTcg;
  const std::uint32_t init_timeout_s = options.init_timeout_s != 0 ? options.init_timeout_s : slow ? 60 : 10;
  const std::uint32_t min_cpu_percent = options.min_cpu_percent.value_or(slow ? 50 : 0);
  return {.region = options.region,
          .accelerator = accelerator,
          .min_cpu_millis = min_cpu_percent * 10,
          .init_timeout = std::chrono::seconds(init_timeout_s),
          .agent_timeout = std::chrono::seconds(slow ? 20 : 5)};
}

}  // namespace caisson::runner
