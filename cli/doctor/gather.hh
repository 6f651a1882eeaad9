// Collects the facts: reads, tries and cleans up; judges nothing.
#pragma once

#include <string>
#include <vector>

#include "cli/doctor/facts.hh"

namespace caisson::cli::doctor {

/// Takes about a second. What it makes to try something (a network namespace, a few BPF maps) is gone afterwards;
/// nothing is changed in the namespace that it runs in.
Facts gather(const std::string& instance, const std::string& images_folder);

// Parts of gather().

/// BPF programs, maps and helpers, namespaces, links, nft and KVM.
std::vector<Probe> probe_kernel(bool root);

/// All instances that there are traces of, and the asked one.
std::vector<Instance> find_instances(const std::string& asked);

}  // namespace caisson::cli::doctor
