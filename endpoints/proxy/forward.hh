// The head that goes to the backend in place of the client's. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/sigv4/canonical.hh"
#include "endpoints/model/read_request.hh"
#include "endpoints/model/service.hh"
#include "endpoints/proxy/parties.hh"

namespace caisson::endpoints {

/// Does a header of a client's or backend's end at the proxy? Those of the connection (RFC 9110, section 7.6.1), and what
/// only the network may say: who the client is and by which way it came.
bool ends_here(const std::string& name);

/// Path style: a bucket in the host's name comes first in the path.
std::string backend_target(const Service& service, const RequestHead& head);

/// The client's headers without those that end here and those of its signature and of aws-chunked; signed anew for `backend`
/// at `now`. `payload_hash` is "UNSIGNED-PAYLOAD" or 64 digits.
sigv4::Headers backend_headers(const Service& service, const RequestHead& head, const std::string& target,
                               const Backend& backend, const std::string& region,
                               const std::string& payload_hash, std::int64_t now);

}  // namespace caisson::endpoints
