#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "endpoints/proxy/judge.hh"

namespace caisson::endpoints {
namespace {

struct Row {
  std::string_view code;
  unsigned status;
};

/// Source: Amazon S3 API Reference, "Error responses". DynamoDB's are 400, all but the last.
constexpr std::array kStatuses = {Row{"AccessDenied", 403},
                                  Row{"AuthorizationHeaderMalformed", 400},
                                  Row{"InvalidAccessKeyId", 403},
                                  Row{"InvalidToken", 400},
                                  Row{"ExpiredToken", 400},
                                  Row{"RequestTimeTooSkewed", 403},
                                  Row{"SignatureDoesNotMatch", 403},
                                  Row{"XAmzContentSHA256Mismatch", 400},
                                  Row{"InvalidChunkSizeError", 403},
                                  Row{"IncompleteBody", 400},
                                  Row{"MalformedTrailerError", 400},
                                  Row{"InvalidRequest", 400},
                                  Row{"InvalidArgument", 400},
                                  Row{"InvalidURI", 400},
                                  Row{"InvalidBucketName", 400},
                                  Row{"MissingContentLength", 411},
                                  Row{"EntityTooLarge", 400},
                                  Row{"RequestHeaderSectionTooLarge", 400},
                                  Row{"NotImplemented", 501},
                                  Row{"AccessDeniedException", 400},
                                  Row{"UnknownOperationException", 400},
                                  Row{"SerializationException", 400},
                                  Row{"MissingAuthenticationTokenException", 400},
                                  Row{"IncompleteSignatureException", 400},
                                  Row{"UnrecognizedClientException", 400},
                                  Row{"ExpiredTokenException", 400},
                                  Row{"InvalidSignatureException", 400},
                                  Row{"ServiceUnavailable", 503},
                                  Row{"SlowDown", 503}};

std::string xml_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '&') {
      escaped += "&amp;";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      escaped += ' ';
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace

Refusal refusal_of(const Service* service, const Error& error) {
  const auto row = std::ranges::find(kStatuses, error.code, &Row::code);
  if (row != kStatuses.end()) return {.status = row->status, .code = error.code, .message = error.message};
  const bool json = service != nullptr && service->json;
  return {.status = 500,
          .code = json ? "InternalServerError" : "InternalError",
          .message = "We encountered an internal error. Please try again."};
}

ErrorBody error_body(const Service* service, const Refusal& refusal, const std::string& resource,
                     const std::string& request_id) {
  if (service != nullptr && service->json) {
    const auto& prefix = service->json->target_prefix;  // "DynamoDB_20120810."
    std::string version = "v20120810";
    if (const auto at = prefix.find('_'); at != std::string::npos)
      version = "v" + prefix.substr(at + 1, prefix.size() - at - 2);
    const nlohmann::json body{
        {"__type", "com.amazonaws." + service->name + "." + version + "#" + refusal.code},
        {"message", refusal.message}};
    return {.content_type = "application/x-amz-json-1.0",
            .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
  }
  return {.content_type = "application/xml",
          .body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + xml_text(refusal.code) +
                  "</Code><Message>" + xml_text(refusal.message) + "</Message><Resource>" +
                  xml_text(resource) + "</Resource><RequestId>" + request_id +
                  "</RequestId><HostId>caisson</HostId></Error>"};
}

}  // namespace caisson::endpoints
