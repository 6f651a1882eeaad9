#include "base/sigv4/verify.hh"

namespace caisson::sigv4 {
namespace {

constexpr const char* kHashHeader = "x-amz-content-sha256";

/// The last line of the canonical request.
Result<std::string> payload_hash(const Request& request, const Rules& rules) {
  const auto declared = request.headers.find(kHashHeader);
  if (rules.payload == PayloadRule::kDeclared) {
    if (declared != request.headers.end()) return declared->second;
    return refusal(rules.dialect, Fault::kPayload, "The header x-amz-content-sha256 is required.");
  }
  if (declared != request.headers.end() && declared->second != request.body_sha256) {
    return refusal(
        rules.dialect, Fault::kPayload,
        "The header x-amz-content-sha256 must be the SHA-256 of the body; unsigned payloads are not "
        "accepted.");
  }
  return request.body_sha256;
}

}  // namespace

Status verify(const Request& request, const Claim& claim, const SigningKey& key, const Rules& rules) {
  TRY(const auto hash, payload_hash(request, rules));
  const auto canonical = canonical_request(request, claim.signed_headers, hash, rules.path);
  const auto wanted = key.sign(string_to_sign(claim.time, claim.scope, canonical));
  if (!equal_in_constant_time(wanted, claim.signature)) {
    return refusal(rules.dialect, Fault::kSignature, "");
  }
  return ok();
}

}  // namespace caisson::sigv4
