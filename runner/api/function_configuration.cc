#include "runner/api/function_configuration.hh"

#include <nlohmann/json.hpp>

namespace caisson::runner {

namespace {

void add_state(nlohmann::json& json, const Function& function) {
  json["State"] = text(function.state);
  if (!function.state_reason.code.empty()) {
    json["StateReason"] = function.state_reason.message;
    json["StateReasonCode"] = function.state_reason.code;
  }
  if (function.update_status == UpdateStatus::kNone) return;
  json["LastUpdateStatus"] = text(function.update_status);
  if (!function.update_reason.code.empty()) {
    json["LastUpdateStatusReason"] = function.update_reason.message;
    json["LastUpdateStatusReasonCode"] = function.update_reason.code;
  }
}

}  // namespace

nlohmann::json function_configuration(const Function& function, const std::string& region, bool qualified,
                                      bool detail) {
  const Settings& settings = function.shown();
  nlohmann::json json = {
      {"FunctionName", function.key.name},
      {"FunctionArn", function_arn(region, function.key) + (qualified ? ":$LATEST" : "")},
      {"Runtime", settings.runtime},
      {"Role", settings.role},
      {"Handler", settings.handler},
      {"CodeSize", settings.code.bytes},
      {"Description", settings.description},
      {"Timeout", settings.timeout_seconds},
      {"MemorySize", settings.memory_mib},
      {"LastModified", function.last_modified},
      {"CodeSha256", settings.code.sha256},
      {"Version", "$LATEST"},
      {"VpcConfig",
       {{"SubnetIds", settings.vpc.subnets},
        {"SecurityGroupIds", settings.vpc.groups},
        {"VpcId", settings.vpc.vpc},
        {"Ipv6AllowedForDualStack", false}}},
      {"TracingConfig", {{"Mode", "PassThrough"}}},
      {"RevisionId", function.revision},
      {"PackageType", "Zip"},
      {"Architectures", {"x86_64"}},
      {"EphemeralStorage", {{"Size", settings.temporary_mib}}},
      {"SnapStart", {{"ApplyOn", "None"}, {"OptimizationStatus", "Off"}}},
      {"LoggingConfig", {{"LogFormat", "Text"}, {"LogGroup", "/aws/lambda/" + function.key.name}}},
  };
  if (!settings.variables.empty()) json["Environment"] = {{"Variables", settings.variables}};
  if (detail) add_state(json, function);
  return json;
}

}  // namespace caisson::runner
