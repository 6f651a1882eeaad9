// The variables that a function sees. Pure.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "runner/pool/environment.hh"

namespace caisson::runner {

/// The function's variables and Lambda's reserved ones ("Defined runtime environment variables"), but for those
/// that the agent sets and the credentials.
std::map<std::string, std::string> guest_variables(const Deployment& deployment, const std::string& region,
                                                   const std::string& log_stream);

/// "2024/01/31/[$LATEST]<32 digits>"
std::string log_stream_name(std::chrono::system_clock::time_point now, const std::string& digits);

}  // namespace caisson::runner
