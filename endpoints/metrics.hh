// GET /metrics of endpointd.
#pragma once

#include <string>

#include "endpoints/dns/server.hh"

namespace caisson::endpoints {

/// Prometheus text (exposition format 0.0.4). Pure.
std::string metrics_text(const dns::Stats& dns, bool connected);

}  // namespace caisson::endpoints
