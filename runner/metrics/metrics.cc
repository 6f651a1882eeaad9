#include "runner/metrics/metrics.hh"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace caisson::runner {

namespace {

const prometheus::Histogram::BucketBoundaries kSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                          0.25,  0.5,    1,     2.5,  5,     10,   30};

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& invocations =
      prometheus::BuildCounter()
          .Name("caisson_invocations_total")
          .Help("Invocations by result and by how their environment was found")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& durations =
      prometheus::BuildHistogram()
          .Name("caisson_invocation_seconds")
          .Help("Time from the request to the reply, by how the environment was found")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& starts =
      prometheus::BuildHistogram()
          .Name("caisson_environment_start_seconds")
          .Help("Restores, boots, thaws and preparations of snapshots that succeeded")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& restore_phases = prometheus::BuildHistogram()
                                                                  .Name("caisson_restore_phase_seconds")
                                                                  .Help("Phases of restores")
                                                                  .Register(registry);
  prometheus::Family<prometheus::Counter>& failures =
      prometheus::BuildCounter()
          .Name("caisson_environment_start_failures_total")
          .Help("Restores, boots, thaws and preparations of snapshots that failed")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& exhausted =
      prometheus::BuildCounter()
          .Name("caisson_exhausted_total")
          .Help("Times that something was refused, or a snapshot dropped, for want of what the label says")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& requests = prometheus::BuildCounter()
                                                          .Name("caisson_runner_requests_total")
                                                          .Help("API requests by operation and HTTP status")
                                                          .Register(registry);
  prometheus::Family<prometheus::Gauge>& environments = prometheus::BuildGauge()
                                                            .Name("caisson_environments")
                                                            .Help("Execution environments by phase")
                                                            .Register(registry);
  prometheus::Family<prometheus::Gauge>& snapshots =
      prometheus::BuildGauge().Name("caisson_snapshots").Help("Snapshots in memory").Register(registry);
  prometheus::Family<prometheus::Gauge>& snapshot_bytes = prometheus::BuildGauge()
                                                              .Name("caisson_snapshot_bytes")
                                                              .Help("Memory of the snapshots")
                                                              .Register(registry);
  prometheus::Family<prometheus::Gauge>& connected = prometheus::BuildGauge()
                                                         .Name("caisson_netd_connected")
                                                         .Help("1 while netd's attach socket is connected")
                                                         .Register(registry);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::count_invocation(const InvokeRecord& record) {
  const std::string start = caisson::runner::text(record.start);
  impl_->invocations.Add({{"result", record.result}, {"start", start}}).Increment();
  impl_->durations.Add({{"start", start}}, kSeconds)
      .Observe(std::chrono::duration<double>(record.total).count());
}

void Metrics::count_start(const char* what, double seconds, bool succeeded) {
  if (succeeded) {
    impl_->starts.Add({{"kind", what}}, kSeconds).Observe(seconds);
  } else {
    impl_->failures.Add({{"kind", what}}).Increment();
  }
}

void Metrics::count_restore_phase(const char* phase, double seconds) {
  impl_->restore_phases.Add({{"phase", phase}}, kSeconds).Observe(seconds);
}

void Metrics::count_exhausted(const char* what) {
  impl_->exhausted.Add({{"what", what}}).Increment();
}

void Metrics::count_request(const std::string& operation, unsigned status) {
  impl_->requests.Add({{"operation", operation}, {"status", std::to_string(status)}}).Increment();
}

std::string Metrics::text(const PoolStats& pool, bool netd_connected) const {
  for (const auto& [phase, count] : pool.environments) {
    impl_->environments.Add({{"phase", phase}}).Set(static_cast<double>(count));
  }
  impl_->snapshots.Add({}).Set(static_cast<double>(pool.snapshots));
  impl_->snapshot_bytes.Add({}).Set(static_cast<double>(pool.snapshot_bytes));
  impl_->connected.Add({}).Set(netd_connected ? 1 : 0);
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace caisson::runner
