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

}  // namespace

Error refusal(Dialect dialect, Fault fault, const std::string& detail) {
  return dialect == Dialect::kEc2 ? ec2(fault, detail) : lambda(fault, detail);
}

}  // namespace caisson::sigv4
