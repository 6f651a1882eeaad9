// Bodies of the Lambda API's requests; the first byte says which. An accepted function survives the registry.
#include "runner/functions/document.hh"
#include "runner/functions/request.hh"
#include "tests/fuzz/fuzz.hh"

namespace {

using namespace caisson;

const runner::Offer kOffer{.runtimes = {"python3.11"}};

void store(runner::Function function) {
  const std::string text = runner::to_document(function);
  const auto read = runner::parse_document(text);
  REQUIRE(read.has_value());
  REQUIRE(runner::to_document(read.value()) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto body = fuzz::view(data + 1, size - 1);
  switch (data[0]) {
    case 'c': {
      auto request = runner::parse_create(body, kOffer);
      if (!request) break;
      runner::Function function;
      function.key.name = "f";
      function.current = std::move(request.value().settings);
      function.tags = std::move(request.value().tags);
      store(std::move(function));
      break;
    }
    case 'z':
      (void)runner::parse_code(body);
      break;
    default:
      (void)runner::parse_configuration(body, runner::Settings(), kOffer);
  }
  return 0;
}
