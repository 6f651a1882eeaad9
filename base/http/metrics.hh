// What an HTTP server and its process add to GET /metrics.
#pragma once

#include <string>

#include "base/http/server.hh"

namespace caisson::http {

/// Prometheus text (exposition format 0.0.4): the server's figures, and the process's memory and descriptors under the
/// names that Prometheus's own clients use. Reads /proc/self. Thread-safe.
std::string metrics_text(const ServerStats& stats);

}  // namespace caisson::http
