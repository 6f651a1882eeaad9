// The form of the requests to our SOCK_SEQPACKET sockets: a CBOR map (RFC 8949) whose member "op" names an operation; with
// it come all of that operation's members in their kinds, perhaps the "request" id of the caller's request, and nothing
// else. Pure.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace caisson::netd::seqpacket {

enum class Kind {
  kText,    ///< UTF-8, for CBOR's reader takes any bytes for text
  kId,      ///< of a resource: up to 64 of a-z, 0-9 and "-"
  kNumber,  ///< 0 to 2^32-1; an address, in host order
  kPort,    ///< 0 to 65,535
  kTexts,   ///< a list of texts
  kWord,    ///< up to kLongestWord of letters, digits, "-" and "_"
  kToken,   ///< up to kLongestToken hexadecimal digits
};
using Members = std::map<std::string, Kind>;
using Operations = std::map<std::string, Members>;

/// The request, when its form is one of `operations`; else nullopt, and the connection is to be closed.
std::optional<nlohmann::json> decode(std::string_view bytes, const Operations& operations);

}  // namespace caisson::netd::seqpacket
