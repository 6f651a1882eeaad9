#include "runner/api/errors.hh"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace caisson::runner {

namespace {

struct Kind {
  std::string_view code;
  unsigned status;
  bool upper_message;  ///< the body's member is "Message"
};

constexpr std::array kKinds = {
    Kind{"InvalidParameterValueException", 400, false},
    Kind{"InvalidRequestContentException", 400, false},
    Kind{"ValidationException", 400, false},
    Kind{"CodeStorageExceededException", 400, false},
    Kind{"MissingAuthenticationTokenException", 403, false},
    Kind{"IncompleteSignatureException", 403, false},
    Kind{"UnrecognizedClientException", 403, false},
    Kind{"InvalidSignatureException", 403, false},
    Kind{"AccessDeniedException", 403, false},
    Kind{"UnknownOperationException", 404, false},
    Kind{"ResourceNotFoundException", 404, true},
    Kind{"ResourceConflictException", 409, false},
    Kind{"PreconditionFailedException", 412, false},
    Kind{"RequestTooLargeException", 413, false},
    Kind{"UnsupportedMediaTypeException", 415, false},
    Kind{"TooManyRequestsException", 429, false},
    Kind{"ServiceException", 500, true},
    Kind{"InvalidSubnetIDException", 502, true},
    Kind{"InvalidSecurityGroupIDException", 502, true},
    Kind{"SubnetIPAddressLimitReachedException", 502, true},
    Kind{"InvalidRuntimeException", 502, true},
};

}  // namespace

HttpResponse error_response(const Error& error) {
  const auto* kind = std::ranges::find(kKinds, error.code, &Kind::code);
  std::string code = error.code;
  std::string message = error.message;
  if (kind == kKinds.end()) {
    kind = std::ranges::find(kKinds, "ServiceException", &Kind::code);
    code = "ServiceException";
    message = "An internal error occurred. Please try again.";
  }
  nlohmann::json body = {{"Type", kind->status >= 500 ? "Service" : "User"},
                         {kind->upper_message ? "Message" : "message", message}};
  HttpResponse response{.status = kind->status, .headers = {{"x-amzn-ErrorType", code}}};
  if (code == "TooManyRequestsException") {
    body["Reason"] = "ConcurrentInvocationLimitExceeded";
    response.headers.emplace_back("Retry-After", "1");
  }
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return response;
}

}  // namespace caisson::runner
