// The sockets that endpointd serves: netd opens them in the fabric, since endpointd may not go there, and keeps them, so
// that what is sent to them while endpointd is away waits.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::netd::core {

struct ServiceSocket {
  std::string name;  ///< as in netd/client/endpoint_protocol.hh
  Fd socket;         ///< bound; a stream's listens; non-blocking
};

/// In the namespace of the calling thread, which must have the addresses. Errors: those of bind and listen. An earlier
/// netd's sockets, which endpointd may still have, are no hindrance.
Result<std::vector<ServiceSocket>> open_service_sockets();

}  // namespace caisson::netd::core
