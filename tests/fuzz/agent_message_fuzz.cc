// The agent protocol, in chunks of a size that the first byte gives. The host reads what a guest sends; the guest reads
// what the host sends.
#include <algorithm>

#include "tests/fuzz/fuzz.hh"
#include "vmm/agent_protocol.hh"

namespace {

using namespace caisson;
namespace agent = vmm::agent;

#ifdef FUZZ_GUEST
constexpr auto kDecode = agent::decode_host_message;
using Message = agent::HostMessage;
#else
constexpr auto kDecode = agent::decode_guest_message;
using Message = agent::GuestMessage;
#endif

void round_trip(Message message) {
  agent::FrameReader reader;
  const std::string frame = agent::encode(std::move(message));
  reader.feed(frame);
  const auto body = reader.next();
  REQUIRE(body.has_value() && body.value().has_value());
  auto again = kDecode(*body.value());
  REQUIRE(again.has_value());
  REQUIRE(agent::encode(std::move(again).value()) == frame);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  auto rest = fuzz::view(data + 1, size - 1);
  agent::FrameReader reader;
  while (!rest.empty()) {
    const std::size_t chunk = std::min<std::size_t>(data[0] + 1U, rest.size());
    reader.feed(rest.substr(0, chunk));
    rest.remove_prefix(chunk);
    for (;;) {
      const auto body = reader.next();
      if (!body) return 0;
      if (!body.value()) break;
      auto message = kDecode(*body.value());
      if (!message) return 0;
      round_trip(std::move(message).value());
    }
  }
  return 0;
}
