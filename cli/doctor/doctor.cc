#include "cli/doctor/doctor.hh"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/doctor/gather.hh"
#include "cli/doctor/judge.hh"
#include "cli/print.hh"

namespace caisson::cli::doctor {
namespace {

std::size_t count(const std::vector<Finding>& findings, Status status) {
  return static_cast<std::size_t>(std::count_if(
      findings.begin(), findings.end(), [&](const Finding& finding) { return finding.status == status; }));
}

std::string as_json(const std::vector<Finding>& findings) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    checks.push_back({{"Check", finding.check},
                      {"Status", text(finding.status)},
                      {"Found", finding.found},
                      {"Advice", finding.advice}});
  }
  const nlohmann::ordered_json all{{"Checks", std::move(checks)},
                                   {"Failures", count(findings, Status::kFailure)},
                                   {"Warnings", count(findings, Status::kWarning)}};
  return all.dump(4, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// The table, and below it what to do about each that is not ok.
std::string as_text(const std::vector<Finding>& findings) {
  std::vector<std::vector<std::string>> rows;
  std::string advice;
  for (const Finding& finding : findings) {
    rows.push_back({text(finding.status), finding.check, finding.found});
    if (!finding.advice.empty()) advice += finding.check + ": " + finding.advice + "\n";
  }
  return table({"STATUS", "CHECK", "FOUND"}, rows) + (advice.empty() ? "" : "\n" + advice) + "\n" +
         std::to_string(count(findings, Status::kFailure)) + " failures, " +
         std::to_string(count(findings, Status::kWarning)) + " warnings\n";
}

}  // namespace

int run(const std::string& instance, const std::string& images_folder, bool json, std::ostream& out) {
  const auto findings = judge(gather(instance, images_folder));
  out << (json ? as_json(findings) : as_text(findings));
  return exit_status(findings);
}

}  // namespace caisson::cli::doctor
