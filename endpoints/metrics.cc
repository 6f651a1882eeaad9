#include "endpoints/metrics.hh"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace caisson::endpoints {
namespace {

void add(prometheus::Registry& registry, const char* name, const char* help, const char* label,
         const std::map<std::string, std::uint64_t>& values) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  for (const auto& [key, value] : values) {
    family.Add({{label, key}}).Increment(static_cast<double>(value));
  }
}

void add(prometheus::Registry& registry, const char* name, const char* help, std::size_t value) {
  prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({}).Set(static_cast<double>(value));
}

void add_total(prometheus::Registry& registry, const char* name, const char* help, std::uint64_t value) {
  prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({}).Increment(
      static_cast<double>(value));
}

void add_dns(prometheus::Registry& registry, const dns::Stats& dns) {
  add(registry, "caisson_dns_questions_total", "Questions to the resolver.", "transport", dns.questions);
  add(registry, "caisson_dns_answers_total", "Answers, by where they came from.", "from", dns.answers);
  add(registry, "caisson_dns_failures_total", "Questions without an answer, or with SERVFAIL.", "reason",
      dns.failures);
  add_total(registry, "caisson_dns_upstream_timeouts_total",
            "Questions that a resolver of the host did not answer in time.", dns.upstream_timeouts);
  add(registry, "caisson_dns_forwarding", "Questions that are being forwarded.", dns.pending);
  add(registry, "caisson_dns_cached", "Answers in the cache.", dns.cached);
  add(registry, "caisson_dns_connections", "Open connections to the resolver.", dns.connections);
}

void add_backends(prometheus::Registry& registry, const std::map<BackendKey, bool>& backends) {
  auto& family = prometheus::BuildGauge()
                     .Name("caisson_endpoint_backend_up")
                     .Help("1 while the server behind a service's endpoints answers.")
                     .Register(registry);
  for (const auto& [key, healthy] : backends)
    family.Add({{"service", key.first}, {"account", key.second}}).Set(healthy ? 1 : 0);
}

}  // namespace

std::string metrics_text(const Metrics& metrics) {
  prometheus::Registry registry;
  add_dns(registry, metrics.dns);
  add(registry, "caisson_endpoint_connections", "Open connections to services.", metrics.proxy.connections);
  add(registry, "caisson_endpoint_buffered_bytes", "Bodies that are held to be judged.",
      metrics.proxy.buffered_bytes);
  add_total(registry, "caisson_endpoint_connections_refused_total",
            "Connections to services closed since there were too many, of their account or in all.",
            metrics.proxy.over_quota);
  add_backends(registry, metrics.backends);
  add(registry, "caisson_endpointd_netd_connected", "1 while netd is there.", metrics.connected ? 1U : 0U);
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

}  // namespace caisson::endpoints
