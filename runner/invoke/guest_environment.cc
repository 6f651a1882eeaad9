#include "runner/invoke/guest_environment.hh"

#include <algorithm>

#include "runner/invoke/log_tail.hh"

namespace caisson::runner {

std::map<std::string, std::string> guest_variables(const Deployment& deployment, const std::string& region,
                                                   const std::string& log_stream) {
  std::map<std::string, std::string> variables = deployment.settings.variables;
  variables["AWS_REGION"] = region;
  variables["AWS_DEFAULT_REGION"] = region;
  variables["AWS_LAMBDA_FUNCTION_NAME"] = deployment.key.name;
  variables["AWS_LAMBDA_FUNCTION_VERSION"] = "$LATEST";
  variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = std::to_string(deployment.settings.memory_mib);
  variables["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand";
  variables["AWS_LAMBDA_LOG_GROUP_NAME"] = "/aws/lambda/" + deployment.key.name;
  variables["AWS_LAMBDA_LOG_STREAM_NAME"] = log_stream;
  if (!deployment.settings.runtime.starts_with("provided")) {
    variables["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + deployment.settings.runtime;
  }
  return variables;
}

std::map<std::string, std::string> credential_variables(const netd::SessionCredentialsReply& credentials) {
  const std::chrono::system_clock::time_point end{std::chrono::seconds(credentials.expires)};
  return {{"AWS_ACCESS_KEY_ID", credentials.access_key_id},
          {"AWS_SECRET_ACCESS_KEY", credentials.secret_access_key},
          {"AWS_SESSION_TOKEN", credentials.session_token},
          {"AWS_CREDENTIAL_EXPIRATION", utc_time(end, "Z")}};
}

std::string log_stream_name(std::chrono::system_clock::time_point now, const std::string& digits) {
  std::string day = utc_time(now, "").substr(0, 10);
  std::ranges::replace(day, '-', '/');
  return day + "/[$LATEST]" + digits;
}

}  // namespace caisson::runner
