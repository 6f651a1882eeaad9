#include "netd/core/metrics.hh"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>

#include "base/bytes.hh"
#include "netd/bpf/caisson_abi.h"

namespace caisson::netd::core {

const char* reason_name(std::uint32_t reason) {
  static constexpr std::array kNames{
#define CAISSON_NAME(name) #name,
      CAISSON_REASON_LIST(CAISSON_NAME)
#undef CAISSON_NAME
  };
  return reason < kNames.size() ? kNames[reason] : "UNKNOWN";
}

double dropped_packets(const std::string& per_cpu) {
  double sum = 0;
  for (std::size_t at = 0; at + sizeof(caisson_drop) <= per_cpu.size(); at += sizeof(caisson_drop)) {
    sum += static_cast<double>(value_of<caisson_drop>(per_cpu.substr(at)).packets);
  }
  return sum;
}

std::map<std::string, double> drop_counts(const kernel::Datapath& datapath) {
  std::map<std::string, double> counts;
  const auto records = datapath.dump("drops");
  if (!records) return counts;
  for (const auto& [key_bytes, value_bytes] : records.value()) {
    const auto key = value_of<caisson_drop_key>(key_bytes);
    counts[reason_name(key.reason)] += dropped_packets(value_bytes);
  }
  return counts;
}

namespace {

double sum_over_cpus(const kernel::Datapath& datapath, std::uint32_t counter) {
  const std::string per_cpu = datapath.get("counters", bytes_of(counter));
  double sum = 0;
  for (std::size_t at = 0; at + sizeof(std::uint64_t) <= per_cpu.size(); at += sizeof(std::uint64_t)) {
    sum += static_cast<double>(value_of<std::uint64_t>(per_cpu.substr(at)));
  }
  return sum;
}

template <class Counts>
void add_counters(prometheus::Registry& registry, const char* name, const char* help, const char* label,
                  const Counts& counts) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  for (const auto& [value, count] : counts) {
    family.Add({{label, value}}).Increment(static_cast<double>(count));
  }
}

void add_gauge(prometheus::Registry& registry, const char* name, const char* help, double value) {
  prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({}).Set(value);
}

}  // namespace

double unrecorded_flows(const kernel::Datapath& datapath) {
  return sum_over_cpus(datapath, CAISSON_UNRECORDED);
}

double arp_packets(const kernel::Datapath& datapath) {
  return sum_over_cpus(datapath, CAISSON_ARP);
}

std::map<std::string, double> rejected_counts(const kernel::Datapath& datapath) {
  std::map<std::string, double> counts;
  for (std::uint32_t reason = CAISSON_ACCEPTED + 1; reason < CAISSON_REASONS; ++reason) {
    const double sum = sum_over_cpus(datapath, CAISSON_REJECTED + reason);
    if (sum > 0) counts[reason_name(reason)] = sum;
  }
  return counts;
}

std::string metrics_text(const Metrics& metrics) {
  prometheus::Registry registry;
  auto& by_state =
      prometheus::BuildGauge().Name("caisson_slots").Help("Slots of the pool, by state.").Register(registry);
  for (const auto& [state, count] : metrics.slots) {
    by_state.Add({{"state", state}}).Set(count);
  }
  add_counters(registry, "caisson_slot_refusals_total",
               "Slots or blocks of ports that were asked for in vain, by error.", "code", metrics.refusals);
  add_gauge(registry, "caisson_starved_function_interfaces",
            "Function interfaces that are short of ports and get no further address.",
            static_cast<double>(metrics.starved));
  add_gauge(registry, "caisson_plan_operations",
            "Steps by which the kernel differs from the model; 0 at rest.", metrics.steps);
  add_gauge(registry, "caisson_leaked_objects",
            "Links, map entries and pins that bear our mark and that the model does not have; 0 at rest.",
            metrics.leaked);
  add_counters(registry, "caisson_dropped_packets_total", "Packets dropped outside of flows, by reason.",
               "reason", metrics.drops);
  add_counters(registry, "caisson_rejected_packets_total", "Packets rejected within flows, by reason.",
               "reason", metrics.rejected);
  prometheus::BuildCounter()
      .Name("caisson_unrecorded_packets_total")
      .Help("Packets that the maps of flows and drops had no room for.")
      .Register(registry)
      .Add({})
      .Increment(metrics.unrecorded);
  prometheus::BuildCounter()
      .Name("caisson_arp_packets_total")
      .Help("ARP packets at slots and members, which are answered there and on no other record.")
      .Register(registry)
      .Add({})
      .Increment(metrics.arp);
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

}  // namespace caisson::netd::core
