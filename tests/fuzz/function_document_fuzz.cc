// A function's record in runnerd's registry.
#include "runner/functions/document.hh"
#include "tests/fuzz/fuzz.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace caisson;
  const auto function = runner::parse_document(fuzz::view(data, size));
  if (!function) return 0;
  const std::string text = runner::to_document(function.value());
  const auto again = runner::parse_document(text);
  REQUIRE(again.has_value());
  REQUIRE(runner::to_document(again.value()) == text);
  return 0;
}
