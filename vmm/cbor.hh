// The part of CBOR (RFC 8949) that the agent protocol uses: one map of text keys to integers, text strings,
// byte strings, and maps of text to text. Definite lengths only; no tags, arrays or floats.
//
// Why not nlohmann's reader: it recurses for nested arrays and chunked strings, so a guest could exhaust the
// host's stack with a message of a few hundred kilobytes. This one does not recurse at all.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hh"

namespace caisson::vmm::cbor {

/// A byte string, as opposed to text.
struct Bytes {
  std::string value;
  bool operator==(const Bytes&) const = default;
};

/// Of the map of a message, and of a map of texts. A member costs the decoder a hundred bytes and the sender five: a guest
/// could make hundreds of megabytes of one message.
inline constexpr std::size_t kMaxMembers = 64;
inline constexpr std::size_t kMaxTexts = 4096;

using TextMap = std::map<std::string, std::string>;
using Value = std::variant<std::int64_t, std::string, Bytes, TextMap>;
using Map = std::map<std::string, Value>;

/// `prefix` and then the map: a frame's head and body in one piece, since a payload is large and a guest is small.
std::string encode(const Map& map, std::string prefix = {});

/// Errors: "MalformedMessage". No member may come twice, and nothing may follow the map.
Result<Map> decode(std::string_view body);

}  // namespace caisson::vmm::cbor
