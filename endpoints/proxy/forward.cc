#include "endpoints/proxy/forward.hh"

#include <algorithm>
#include <array>
#include <string_view>

namespace caisson::endpoints {
namespace {

using namespace std::string_view_literals;

constexpr std::array kOfTheConnection = {"connection"sv,
                                         "keep-alive"sv,
                                         "proxy-connection"sv,
                                         "te"sv,
                                         "trailer"sv,
                                         "transfer-encoding"sv,
                                         "upgrade"sv,
                                         "expect"sv,
                                         "proxy-authenticate"sv,
                                         "content-length"sv,
                                         "proxy-authorization"sv};
constexpr std::array kOfTheWay = {"forwarded"sv, "x-real-ip"sv, "via"sv, "true-client-ip"sv};
constexpr std::array kOfTheWayBegins = {"x-forwarded-"sv, "x-caisson-"sv, "x-amz-vpce"sv, "x-amzn-vpce"sv,
                                        "aws-vpce"sv};
constexpr std::array kOfTheSignature = {"host"sv,
                                        "authorization"sv,
                                        "date"sv,
                                        "x-amz-date"sv,
                                        "x-amz-security-token"sv,
                                        "x-amz-content-sha256"sv,
                                        "x-amz-decoded-content-length"sv,
                                        "x-amz-trailer"sv};

/// Content-Encoding without the coding that was taken off: what is left, or "".
std::string without_aws_chunked(std::string_view codings) {
  std::string left;
  while (!codings.empty()) {
    const auto end = std::min(codings.find(','), codings.size());
    auto coding = codings.substr(0, end);
    codings.remove_prefix(std::min(end + 1, codings.size()));
    while (coding.starts_with(' '))
      coding.remove_prefix(1);
    while (coding.ends_with(' '))
      coding.remove_suffix(1);
    if (coding.empty() || coding == "aws-chunked") continue;
    left += (left.empty() ? "" : ",") + std::string(coding);
  }
  return left;
}

}  // namespace

bool ends_here(const std::string& name) {
  return std::ranges::find(kOfTheConnection, name) != kOfTheConnection.end() ||
         std::ranges::find(kOfTheWay, name) != kOfTheWay.end() ||
         std::ranges::any_of(kOfTheWayBegins, [&](auto begin) { return name.starts_with(begin); });
}

std::string backend_target(const Service& service, const RequestHead& head) {
  const auto bucket = match_host(service, head.host);
  if (!bucket || bucket->empty()) return head.target;
  return "/" + *bucket + head.target;
}

sigv4::Headers backend_headers(const Service& service, const RequestHead& head, const std::string& target,
                               const Backend& backend, const std::string& region,
                               const std::string& payload_hash, std::int64_t now) {
  sigv4::Headers headers;
  for (const auto& [name, value] : head.headers) {
    if (ends_here(name) || std::ranges::find(kOfTheSignature, name) != kOfTheSignature.end()) continue;
    const std::string kept = name == "content-encoding" ? without_aws_chunked(value) : value;
    if (!kept.empty()) headers[name] = kept;
  }
  headers["host"] = backend.address + ":" + std::to_string(backend.port);
  headers["x-amz-content-sha256"] = payload_hash;
  const sigv4::Request request{
      .method = head.method, .target = target, .headers = headers, .body_sha256 = payload_hash};
  const auto path = service.rest ? sigv4::PathRule::kVerbatim : sigv4::PathRule::kNormalized;
  const auto added = sigv4::sign(request, backend.credentials, region, service.signing_name, now, path);
  headers.insert(added.begin(), added.end());
  return headers;
}

}  // namespace caisson::endpoints
