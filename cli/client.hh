// One request to netd's API.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.hh"

namespace caisson::cli {

struct Endpoint {
  std::string unix_path;  ///< "/run/caisson/netd.sock"; or, when it is empty,
  std::string host;       ///< a numeric address,
  std::string port;       ///< and port
};

/// "unix:/path", "/path" or "http://ADDRESS:PORT". Error Usage.
Result<Endpoint> parse_endpoint(const std::string& text);

/// Where the netd of an instance listens: "" is the instance without a name. Error Usage for a name that is
/// not [a-z0-9-]{1,32}.
Result<Endpoint> endpoint_of_instance(const std::string& instance);

/// POST /v1/`action`. Over TCP the request is signed, with the access key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,
/// or with that of the profile AWS_PROFILE [default]; `account` is of no use then. The error that the API answers with, or that of the connection. Blocks.
Result<nlohmann::json> call(const Endpoint& endpoint, const std::string& account, const std::string& action,
                            const nlohmann::json& parameters);

}  // namespace caisson::cli
