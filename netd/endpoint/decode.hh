// A message of endpoint.sock to a request whose form is known to be right. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace caisson::netd::endpoint {

/// The members of netd/client/endpoint_protocol.hh: all of the operation's, in their types, and nothing else. nullopt:
/// anything else, and the connection is to be closed.
std::optional<nlohmann::json> decode_request(std::string_view bytes);

}  // namespace caisson::netd::endpoint
