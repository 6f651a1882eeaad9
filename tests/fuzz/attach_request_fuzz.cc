// Messages to attach.sock.
#include <nlohmann/json.hpp>

#include "netd/attach/decode.hh"
#include "netd/client/attach_protocol.hh"
#include "tests/fuzz/fuzz.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace caisson;
  if (size > netd::kMaxRequest) return 0;
  const auto request = netd::attach::decode_request(fuzz::view(data, size));
  if (!request) return 0;
  (void)request->dump();  // as the log does: throws over text that is none
  const auto bytes = nlohmann::json::to_cbor(*request);
  REQUIRE(netd::attach::decode_request(fuzz::view(bytes.data(), bytes.size())) == request);
  return 0;
}
