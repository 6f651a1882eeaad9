// What holds for the decoder of each of netd's SOCK_SEQPACKET sockets.
#pragma once

#include <nlohmann/json.hpp>

#include "netd/client/attach_protocol.hh"
#include "tests/fuzz/fuzz.hh"

namespace caisson::fuzz {

template <class Decode>
int decode_socket_request(Decode decode, const std::uint8_t* data, std::size_t size) {
  if (size > netd::kMaxRequest) return 0;
  const auto request = decode(view(data, size));
  if (!request) return 0;
  (void)request->dump();  // as the log does: throws over text that is none
  for (const auto& [name, value] : request->items()) {
    REQUIRE(!value.is_object());
    REQUIRE(name == "op" || name == "request" || value.is_string() || value.is_number_unsigned() ||
            value.is_array());
  }
  const auto bytes = nlohmann::json::to_cbor(*request);
  REQUIRE(decode(view(bytes.data(), bytes.size())) == request);
  return 0;
}

}  // namespace caisson::fuzz
