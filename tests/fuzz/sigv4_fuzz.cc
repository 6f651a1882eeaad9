// What a request says of its signature: "METHOD TARGET", headers one a line, an empty line, the body.
#include "base/sigv4/sign.hh"
#include "base/sigv4/verify.hh"
#include "tests/fuzz/fuzz.hh"

namespace {

using namespace caisson;

constexpr std::int64_t kNow = 1'769'904'000;  // 20260201T000000Z
constexpr const char* kSecret = "secret";

/// Whether the signature is right; true also for a claim that is refused without a key.
bool judge(const sigv4::Request& request, const sigv4::Rules& rules) {
  const auto claim = sigv4::read_claim(request, rules, kNow);
  if (!claim) return true;
  const auto key = sigv4::SigningKey::derive(kSecret, claim.value().scope);
  return sigv4::verify(request, claim.value(), key, rules).has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = fuzz::view(data, size);
  auto line = fuzz::take_until(rest, '\n');
  const std::string method(fuzz::take_until(line, ' '));
  const std::string target(line);
  sigv4::Headers headers;
  while (!rest.empty() && !(line = fuzz::take_until(rest, '\n')).empty()) {
    const std::string name(fuzz::take_until(line, ':'));
    // As an HTTP parser leaves them.
    if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") != std::string::npos)
      return 0;
    headers[name] = std::string(line);
  }
  const std::string digest = sigv4::sha256_hex(rest);
  for (const auto path : {sigv4::PathRule::kNormalized, sigv4::PathRule::kVerbatim}) {
    for (const auto payload : {sigv4::PayloadRule::kHashed, sigv4::PayloadRule::kDeclared}) {
      (void)judge({.method = method, .target = target, .headers = headers, .body_sha256 = digest},
                  {.region = "us-east-1", .service = "ec2", .path = path, .payload = payload});
    }
  }
  // What we sign is what we take.
  for (const char* name : {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"})
    headers.erase(name);
  headers["host"] = "localhost";
  const sigv4::Request plain{.method = method, .target = target, .headers = headers, .body_sha256 = digest};
  const sigv4::Rules rules{.region = "us-east-1", .service = "ec2"};
  auto signed_headers = headers;
  for (auto& [name, value] :
       sigv4::sign(plain, {.access_key_id = "AKIA0", .secret_access_key = kSecret}, "us-east-1", "ec2", kNow))
    signed_headers[name] = value;
  REQUIRE(
      judge({.method = method, .target = target, .headers = signed_headers, .body_sha256 = digest}, rules));
  return 0;
}
