// Messages to endpoint.sock: whoever sends them meets what guests send, and may have been taken over.
#include "netd/endpoint/decode.hh"
#include "tests/fuzz/socket_request.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return caisson::fuzz::decode_socket_request(caisson::netd::endpoint::decode_request, data, size);
}
