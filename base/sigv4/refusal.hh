// Why a request is refused, in the words of the service that refuses it.
#pragma once

#include <string>

#include "base/error.hh"

namespace caisson::sigv4 {

enum class Fault {
  kMissing,       ///< no Authorization header
  kIncomplete,    ///< one that is not of SigV4's form, or that signs too little
  kScope,         ///< another region, service or day
  kUnknownKey,    ///< no such access key, or one that was deleted
  kToken,         ///< a session token that is not of this key
  kSession,       ///< a session's credentials, which this service lets do nothing
  kTokenExpired,  ///< a session that has ended
  kExpired,       ///< signed more than five minutes ago
  kNotYetValid,   ///< signed more than five minutes ahead
  kPayload,       ///< x-amz-content-sha256 is not the body's, or not a hash
  kSignature,     ///< another signature than ours
};

/// Whose codes and sentences: those of the EC2 query API, of the services that speak JSON, or of S3.
enum class Dialect { kEc2, kLambda, kS3 };

/// `detail` is a sentence; a dialect that says nothing about a fault leaves it out.
///
/// | fault                | EC2                             | Lambda                              |
/// |----------------------|---------------------------------|-------------------------------------|
/// | kMissing             | MissingAuthenticationToken, 403 | MissingAuthenticationTokenException |
/// | kIncomplete          | IncompleteSignature, 400        | IncompleteSignatureException        |
/// | kUnknownKey, kToken  | AuthFailure, 401                | UnrecognizedClientException         |
/// | kExpired, kNotYet... | RequestExpired, 400             | InvalidSignatureException           |
/// | kTokenExpired        | RequestExpired, 400             | ExpiredTokenException               |
/// | kSession             | UnauthorizedOperation, 403      | AccessDeniedException               |
/// | all others           | AuthFailure, 401                | InvalidSignatureException           |
///
/// S3's are AccessDenied, AuthorizationHeaderMalformed (kIncomplete, kScope), InvalidAccessKeyId, InvalidToken,
/// ExpiredToken, RequestTimeTooSkewed, XAmzContentSHA256Mismatch and SignatureDoesNotMatch.
/// Lambda's have status 403. EC2 answers an unknown key and a wrong signature alike; the statuses are in
/// netd/api and runner/api. Sources: "Common errors" of the two API references, and what the services answer.
Error refusal(Dialect dialect, Fault fault, const std::string& detail);

}  // namespace caisson::sigv4
