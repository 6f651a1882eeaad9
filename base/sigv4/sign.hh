// The client's side: signing one's own requests.
#pragma once

#include <cstdint>
#include <string>

#include "base/sigv4/canonical.hh"

namespace caisson::sigv4 {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  ///< empty for a long-term key
};

/// The headers to add to a request whose headers (all of them are signed) are `request.headers`: authorization,
/// x-amz-date, and x-amz-security-token if there is one. `now` is in seconds since 1970.
Headers sign(const Request& request, const Credentials& credentials, const std::string& region,
             const std::string& service, std::int64_t now, PathRule path = PathRule::kNormalized);

}  // namespace caisson::sigv4
