// What the parts of runnerd are told, by its command line and by whether there is KVM. Pure, but for complete().
#pragma once

#include "runner/invoke/micro_vm_environment.hh"
#include "runner/options.hh"
#include "runner/pool/pool.hh"
#include "vmm/micro_vm.hh"

namespace caisson::runner {

/// Fills in the folders, and the memory's budget by the machine's, where the options leave them open.
void complete(Options& options);

/// Budgets and ages; who is told of what happens is the caller's to add.
PoolSettings pool_settings(const Options& options, vmm::Accelerator accelerator);

/// Times and shares; the rest is the caller's to add.
MicroVmSettings micro_vm_settings(const Options& options, vmm::Accelerator accelerator);

}  // namespace caisson::runner
