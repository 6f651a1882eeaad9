// The variables that a function sees. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "netd/client/attach_client.hh"
#include "runner/pool/environment.hh"

namespace caisson::runner {

/// The function's variables and Lambda's reserved ones ("Defined runtime environment variables"), but for those
/// that the agent sets and the credentials.
std::map<std::string, std::string> guest_variables(const Deployment& deployment, const std::string& region,
                                                   const std::string& log_stream);

/// How long an environment's credentials are good for, in seconds. It serves no further invocation when they have less than
/// kCredentialMargin left, so they outlive each that has begun.
inline constexpr std::uint32_t kCredentialSeconds = 6 * 3600;
/// Those of an init that ends in a snapshot. The snapshot's memory holds them, and each clone gets its own: SDKs that read
/// credentials from variables read them again when less than ten minutes (botocore) or five (SDK for JavaScript) are left.
inline constexpr std::uint32_t kInitCredentialSeconds = 300;
/// Lambda's longest invocation, and a minute.
inline constexpr std::int64_t kCredentialMargin = 960;

/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, and AWS_CREDENTIAL_EXPIRATION: with it SDKs take the others
/// again from the environment before they end.
std::map<std::string, std::string> credential_variables(const netd::SessionCredentialsReply& credentials);

/// "2024/01/31/[$LATEST]<32 digits>"
std::string log_stream_name(std::chrono::system_clock::time_point now, const std::string& digits);

}  // namespace caisson::runner
