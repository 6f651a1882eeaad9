// What /metrics says of requests through endpoints.
#pragma once

#include <memory>
#include <string>

#include "endpoints/proxy/parties.hh"
#include "endpoints/records/request_log.hh"

namespace caisson::endpoints {

/// No label is a client's to choose: services are those of the documents, statuses have three digits. One thread at a time.
class RequestMetrics {
 public:
  RequestMetrics();
  ~RequestMetrics();
  RequestMetrics(const RequestMetrics&) = delete;
  RequestMetrics& operator=(const RequestMetrics&) = delete;

  void count(const Record& record);
  /// Prometheus text (exposition format 0.0.4).
  [[nodiscard]] std::string text(const RequestLogStats& log) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::endpoints
