// `caisson doctor`.
#pragma once

#include <ostream>
#include <string>

namespace caisson::cli::doctor {

/// Looks, judges and prints: as a table, or as JSON ({"Checks":[{"Check","Status","Found","Advice"}], "Failures",
/// "Warnings"}). Works without daemons, and, with fewer probes, without privileges. The exit status: 1 for a failure.
int run(const std::string& instance, const std::string& images_folder, bool json, std::ostream& out);

}  // namespace caisson::cli::doctor
