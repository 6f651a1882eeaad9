// GET /metrics of endpointd.
#pragma once

#include <string>

#include "endpoints/backends.hh"
#include "endpoints/dns/server.hh"
#include "endpoints/proxy/proxy.hh"

namespace caisson::endpoints {

struct Metrics {
  dns::Stats dns;
  ProxyStats proxy;
  std::map<BackendKey, bool> backends;  ///< whether they are healthy
  bool connected = false;               ///< netd is there
};

/// Prometheus text (exposition format 0.0.4). Pure.
std::string metrics_text(const Metrics& metrics);

}  // namespace caisson::endpoints
