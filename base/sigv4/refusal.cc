#include "base/sigv4/refusal.hh"

namespace caisson::sigv4 {
namespace {

constexpr const char* kNotValidated = "AWS was not able to validate the provided access credentials";

Error ec2(Fault fault, const std::string& detail) {
  switch (fault) {
    case Fault::kMissing:
      return {.code = "MissingAuthenticationToken",
              .message = "Request is missing Authentication Token: sign it with Signature Version 4"};
    case Fault::kIncomplete:
      return {.code = "IncompleteSignature", .message = detail};
    case Fault::kExpired:
    case Fault::kNotYetValid:
      return {.code = "RequestExpired", .message = "Request has expired. " + detail};
    case Fault::kTokenExpired:
      return {.code = "RequestExpired", .message = "Request has expired."};
    case Fault::kSession:
      return {.code = "UnauthorizedOperation",
              .message = "You are not authorized to perform this operation. " + detail};
    case Fault::kScope:
    case Fault::kPayload:
      return {.code = "AuthFailure", .message = std::string(kNotValidated) + ". " + detail};
    case Fault::kUnknownKey:
    case Fault::kToken:
    case Fault::kSignature:
      return {.code = "AuthFailure", .message = kNotValidated};
  }
  return {.code = "AuthFailure", .message = kNotValidated};
}

Error lambda(Fault fault, const std::string& detail) {
  switch (fault) {
    case Fault::kMissing:
      return {.code = "MissingAuthenticationTokenException", .message = "Missing Authentication Token"};
    case Fault::kIncomplete:
      return {.code = "IncompleteSignatureException", .message = detail};
    case Fault::kUnknownKey:
    case Fault::kToken:
      return {.code = "UnrecognizedClientException",
              .message = "The security token included in the request is invalid."};
    case Fault::kTokenExpired:
      return {.code = "ExpiredTokenException",
              .message = "The security token included in the request is expired"};
    case Fault::kSession:
      return {.code = "AccessDeniedException", .message = detail};
    case Fault::kScope:
    case Fault::kExpired:
    case Fault::kNotYetValid:
    case Fault::kPayload:
      return {.code = "InvalidSignatureException", .message = detail};
    case Fault::kSignature:
      return {.code = "InvalidSignatureException",
              .message =
                  "The request signature we calculated does not match the signature you provided. Check "
                  "your AWS Secret Access Key and signing method. Consult the service documentation for "
                  "details."};
  }
  return {.code = "InvalidSignatureException", .message = detail};
}

Error s3(Fault fault, const std::string& detail) {
  switch (fault) {
    case Fault::kMissing:
    case Fault::kSession:
      return {.code = "AccessDenied", .message = "Access Denied"};
    case Fault::kIncomplete:
    case Fault::kScope:
      return {.code = "AuthorizationHeaderMalformed",
              .message = "The authorization header that you provided is not valid. " + detail};
    case Fault::kUnknownKey:
      return {.code = "InvalidAccessKeyId",
              .message = "The AWS Access Key Id you provided does not exist in our records."};
    case Fault::kToken:
      return {.code = "InvalidToken", .message = "The provided token is malformed or otherwise invalid."};
    case Fault::kTokenExpired:
      return {.code = "ExpiredToken", .message = "The provided token has expired."};
    case Fault::kExpired:
    case Fault::kNotYetValid:
      return {
          .code = "RequestTimeTooSkewed",
          .message = "The difference between the request time and the current time is too large. " + detail};
    case Fault::kPayload:
      return {.code = "XAmzContentSHA256Mismatch",
              .message =
                  "The provided 'x-amz-content-sha256' header does not match what was computed. " + detail};
    case Fault::kSignature:
      break;
  }
  return {.code = "SignatureDoesNotMatch",
          .message =
              "The request signature we calculated does not match the signature you provided. Check your "
              "key and signing method."};
}

}  // namespace

Error refusal(Dialect dialect, Fault fault, const std::string& detail) {
  switch (dialect) {
    case Dialect::kEc2:
      return ec2(fault, detail);
    case Dialect::kLambda:
      return lambda(fault, detail);
    case Dialect::kS3:
      break;
  }
  return s3(fault, detail);
}

}  // namespace caisson::sigv4
