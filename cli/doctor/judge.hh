// From facts to findings: pure.
#pragma once

#include <string>
#include <vector>

#include "cli/doctor/facts.hh"

namespace caisson::cli::doctor {

enum class Status {
  kOk,
  kWarning,  ///< works, but slower, less safe or not for long
  kFailure,  ///< does not work
  kUnknown,  ///< could not be tried
};

struct Finding {
  std::string check;  ///< "kernel.version"; stable, for scripts
  Status status = Status::kOk;
  std::string found;   ///< what was seen
  std::string advice;  ///< what to do; empty when there is nothing to do
  bool operator==(const Finding&) const = default;
};

/// "ok", "warning", "failure" or "unknown".
const char* text(Status status);

/// Every check has a finding, in a fixed order: kernel, sysctls, tools, limits, control groups, memory and disk, files,
/// images, daemons, leftovers.
std::vector<Finding> judge(const Facts& facts);

/// 1 when there is a failure, else 0.
int exit_status(const std::vector<Finding>& findings);

}  // namespace caisson::cli::doctor
