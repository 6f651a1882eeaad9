// Bodies in aws-chunked: what is decoded depends on no cut, is never longer than announced, and is whole only when done.
#include <algorithm>
#include <utility>

#include "endpoints/proxy/aws_chunked.hh"
#include "tests/fuzz/fuzz.hh"

using namespace caisson;

namespace {

constexpr std::uint64_t kLength = 24;

std::pair<std::string, bool> decode(endpoints::ChunkForm form, std::string_view body, std::size_t step) {
  const sigv4::Scope scope{.date = "20130524", .region = "us-east-1", .service = "s3"};
  endpoints::ChunkDecoder decoder(form,
                                  {.key = sigv4::SigningKey::derive("secret", scope),
                                   .scope = scope,
                                   .time = "20130524T000000Z",
                                   .signature = ""},
                                  kLength);
  std::string content;
  bool refused = false;
  for (std::size_t at = 0; at < body.size() && !refused; at += step)
    refused = !decoder.feed(body.substr(at, step), content);
  REQUIRE(content.size() <= kLength);
  REQUIRE(refused || decoder.done() == (content.size() == kLength));
  return {content, refused};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto body = fuzz::view(data, size);
  if (body.empty()) return 0;
  const auto form = static_cast<endpoints::ChunkForm>(static_cast<unsigned char>(body.front()) % 3);
  body.remove_prefix(1);
  const auto whole = decode(form, body, std::max<std::size_t>(body.size(), 1));
  REQUIRE(decode(form, body, 1) == whole);
  return 0;
}
