// A message of endpoint.sock to a request whose form is known to be right. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace caisson::netd::endpoint {

/// The members of netd/client/endpoint_protocol.hh, in the form of netd/seqpacket/form.hh. nullopt: anything else, and the
/// connection is to be closed.
std::optional<nlohmann::json> decode_request(std::string_view bytes);

}  // namespace caisson::netd::endpoint
