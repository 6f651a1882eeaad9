// The canonical request: what client and server both make of a request, and sign.
//
// Source: IAM User Guide, "Create a signed AWS API request". Everything here works on the request as it came over the
// wire; nothing is decoded, so two requests that a server could tell apart have different canonical forms. Exceptions
// are those that the specification makes: the case of headers' names, runs of white space in headers' values, the order
// of query parameters, and, for PathRule::kNormalized, dot segments and empty segments.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/sigv4/digest.hh"

namespace caisson::sigv4 {

/// By lower-case name; the values of a name that came several times are joined by commas, in their order.
using Headers = std::map<std::string, std::string>;

struct Request {
  std::string method;  ///< "POST"
  std::string target;  ///< as sent: path and query, not decoded
  const Headers& headers;
  std::string body_sha256;  ///< sha256_hex() of the body
};

enum class PathRule {
  kNormalized,  ///< all services but S3: dot and empty segments are resolved, then it is encoded once more
  kVerbatim,    ///< S3: object keys may have dots and slashes wherever they like
};

std::string canonical_path(std::string_view path, PathRule rule);

/// Parameters sorted; one without "=" gets it. Escapes stay as they were sent, since what was signed is what was sent;
/// a bare character that should have been escaped is; "+" is a space, as forms have it.
std::string canonical_query(std::string_view query);

/// Trimmed, with runs of white space as one space.
std::string canonical_value(std::string_view value);

/// `signed_headers` are lower-case, sorted, and all in the request.
std::string canonical_request(const Request& request, const std::vector<std::string>& signed_headers,
                              std::string_view payload_hash, PathRule rule);

/// "AWS4-HMAC-SHA256", the time, the scope and the canonical request's digest, a line each.
std::string string_to_sign(std::string_view time, const Scope& scope, std::string_view canonical);

/// "a;b;c"
std::string joined(const std::vector<std::string>& names);

}  // namespace caisson::sigv4
