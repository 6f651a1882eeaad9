#include "endpoints/records/request_metrics.hh"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace caisson::endpoints {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;
const Buckets kSeconds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60};
const Buckets kBytes = {0, 1024, 16'384, 262'144, 4'194'304, 67'108'864, 1'073'741'824};

constexpr double kMicroseconds = 1e6;

std::string service_of(const Record& record) {
  return record.service.empty() ? "none" : record.service;
}

}  // namespace

struct RequestMetrics::Impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests =
      prometheus::BuildCounter()
          .Name("caisson_endpoint_requests_total")
          .Help("Requests to services by the status of their answer; 0: the client was gone before")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& seconds =
      prometheus::BuildHistogram()
          .Name("caisson_endpoint_request_seconds")
          .Help("Time from a request's head to the end of its answer, by what was decided")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& bytes =
      prometheus::BuildHistogram()
          .Name("caisson_endpoint_request_bytes")
          .Help("Bodies of requests (in) and of their answers (out)")
          .Register(registry);
  prometheus::Gauge& failing = prometheus::BuildGauge()
                                   .Name("caisson_request_log_failing")
                                   .Help("1 while requests cannot be recorded")
                                   .Register(registry)
                                   .Add({});
  prometheus::Family<prometheus::Counter>& lines =
      prometheus::BuildCounter()
          .Name("caisson_request_log_lines_total")
          .Help("Records of requests that were written, and that were lost")
          .Register(registry);
};

RequestMetrics::RequestMetrics() : impl_(std::make_unique<Impl>()) {}
RequestMetrics::~RequestMetrics() = default;

void RequestMetrics::count(const Record& record) {
  const std::string service = service_of(record);
  impl_->requests.Add({{"service", service}, {"status", std::to_string(record.status)}}).Increment();
  impl_->seconds.Add({{"service", service}, {"decision", record.decision}}, kSeconds)
      .Observe(static_cast<double>(record.latency_us) / kMicroseconds);
  impl_->bytes.Add({{"service", service}, {"direction", "in"}}, kBytes)
      .Observe(static_cast<double>(record.bytes_in));
  impl_->bytes.Add({{"service", service}, {"direction", "out"}}, kBytes)
      .Observe(static_cast<double>(record.bytes_out));
}

std::string RequestMetrics::text(const RequestLogStats& log) const {
  // Counters that others count are brought to their value.
  const auto bring = [](prometheus::Counter& counter, std::uint64_t value) {
    counter.Increment(static_cast<double>(value) - counter.Value());
  };
  impl_->failing.Set(log.failing ? 1 : 0);
  bring(impl_->lines.Add({{"result", "written"}}), log.written);
  bring(impl_->lines.Add({{"result", "lost"}}), log.lost);
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace caisson::endpoints
