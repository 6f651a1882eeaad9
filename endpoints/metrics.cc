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

}  // namespace

std::string metrics_text(const dns::Stats& dns, bool connected) {
  prometheus::Registry registry;
  add(registry, "caisson_dns_questions_total", "Questions to the resolver.", "transport", dns.questions);
  add(registry, "caisson_dns_answers_total", "Answers, by where they came from.", "from", dns.answers);
  add(registry, "caisson_dns_failures_total", "Questions without an answer, or with SERVFAIL.", "reason",
      dns.failures);
  prometheus::BuildCounter()
      .Name("caisson_dns_upstream_timeouts_total")
      .Help("Questions that a resolver of the host did not answer in time.")
      .Register(registry)
      .Add({})
      .Increment(static_cast<double>(dns.upstream_timeouts));
  add(registry, "caisson_dns_forwarding", "Questions that are being forwarded.", dns.pending);
  add(registry, "caisson_dns_cached", "Answers in the cache.", dns.cached);
  add(registry, "caisson_dns_connections", "Open connections to the resolver.", dns.connections);
  add(registry, "caisson_endpointd_netd_connected", "1 while netd is there.", connected ? 1U : 0U);
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

}  // namespace caisson::endpoints
