// The target of a request to runnerd: path and query, taken apart and decoded.
#include "runner/api/http.hh"
#include "tests/fuzz/fuzz.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace caisson;
  const auto target = runner::parse_target(fuzz::view(data, size));
  REQUIRE(target.valid || (target.path.empty() && target.query.empty()));
  std::size_t length = 0;
  for (const auto& segment : target.path) {
    REQUIRE(!segment.empty());
    length += segment.size();
  }
  for (const auto& [name, value] : target.query)
    length += name.size() + value.size();
  REQUIRE(length <= size);  // decoding makes nothing longer
  return 0;
}
