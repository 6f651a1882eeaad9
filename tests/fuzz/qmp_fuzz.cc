// What QEMU says on its QMP socket, in chunks of a size that the first byte gives.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/fuzz/fuzz.hh"
#include "vmm/qmp_codec.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace caisson;
  namespace qmp = vmm::qmp;
  if (size == 0) return 0;
  auto rest = fuzz::view(data + 1, size - 1);
  qmp::LineReader reader;
  while (!rest.empty()) {
    const std::size_t chunk = std::min<std::size_t>(data[0] + 1U, rest.size());
    reader.feed(rest.substr(0, chunk));
    rest.remove_prefix(chunk);
    for (;;) {
      const auto line = reader.next();
      if (!line) return 0;
      if (!line.value()) break;
      const auto message = qmp::decode(*line.value());
      if (!message) continue;
      if (const auto* event = std::get_if<qmp::Event>(&message.value()))
        (void)qmp::text_in(event->data, "status");
      if (const auto* value = std::get_if<qmp::Return>(&message.value())) {
        REQUIRE(nlohmann::json::accept(value->value));
      }
    }
  }
  return 0;
}
