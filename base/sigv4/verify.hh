// Verification of requests with AWS Signature Version 4, header form, as pure functions of values.
//
//   1. read_claim()  what the request says of itself: who signed, when, for what. Refuses what needs no key to refuse.
//   2. the caller looks for the signing key of {access key id, scope}; refusal() with kUnknownKey when there is none.
//   3. verify()      whether that key signed this request.
//
// Query-string signatures (presigned URLs) and SigV4a are refused as kMissing and kIncomplete.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hh"
#include "base/sigv4/canonical.hh"
#include "base/sigv4/digest.hh"
#include "base/sigv4/refusal.hh"

namespace caisson::sigv4 {

enum class PayloadRule {
  kHashed,  ///< the body's hash is signed; x-amz-content-sha256, where it is sent, must be it
  kDeclared,  ///< S3: what x-amz-content-sha256 says is signed, UNSIGNED-PAYLOAD or STREAMING-... too; the caller holds
              ///< the body (or its chunks, from Claim::signature on) against it
};

/// What a service wants of its callers.
struct Rules {
  std::string region;
  std::string service;  ///< "ec2"
  Dialect dialect = Dialect::kEc2;
  PathRule path = PathRule::kNormalized;
  PayloadRule payload = PayloadRule::kHashed;
};

/// What a request says of itself; nothing of it is proven before verify().
struct Claim {
  std::string access_key_id;
  Scope scope;
  std::string time;  ///< "20260131T235959Z"
  std::vector<std::string> signed_headers;
  std::string signature;      ///< 64 digits; the seed of S3's chunk signatures
  std::string session_token;  ///< X-Amz-Security-Token; empty for a long-term key
};

inline constexpr std::int64_t kSkewSeconds = 300;

/// `now` is in seconds since 1970. Errors: refusal()'s for kMissing, kIncomplete, kScope, kExpired, kNotYetValid.
/// What must be signed: host, the header with the time, and every x-amz-... header of the request.
Result<Claim> read_claim(const Request& request, const Rules& rules, std::int64_t now);

/// Errors: refusal()'s for kPayload and kSignature. The signatures are compared in constant time.
Status verify(const Request& request, const Claim& claim, const SigningKey& key, const Rules& rules);

/// "20260131T235959Z" as seconds since 1970, or -1.
std::int64_t parse_time(const std::string& text);
std::string format_time(std::int64_t seconds);

}  // namespace caisson::sigv4
