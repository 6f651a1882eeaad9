// Messages to attach.sock.
#include "netd/attach/decode.hh"
#include "tests/fuzz/socket_request.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return caisson::fuzz::decode_socket_request(caisson::netd::attach::decode_request, data, size);
}
