// A record of netd's store: what is read back at start.
#include <nlohmann/json.hpp>

#include "netd/api/stamped_json.hh"
#include "tests/fuzz/fuzz.hh"
#include "vpc/apply/apply.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace caisson;
  const auto record = nlohmann::json::parse(fuzz::view(data, size), nullptr, /*allow_exceptions=*/false);
  if (record.is_discarded()) return 0;
  if (const auto command = netd::api::decode_stored(record)) (void)vpc::apply(vpc::State(), command.value());
  return 0;
}
