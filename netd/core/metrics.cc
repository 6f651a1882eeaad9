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

std::map<std::string, double> drop_counts(const kernel::Datapath& datapath) {
  std::map<std::string, double> counts;
  const auto records = datapath.dump("drops");
  if (!records) return counts;
  for (const auto& [key_bytes, value_bytes] : records.value()) {
    const auto key = value_of<caisson_drop_key>(key_bytes);
    for (std::size_t at = 0; at + sizeof(caisson_drop) <= value_bytes.size(); at += sizeof(caisson_drop)) {
      const auto one = value_of<caisson_drop>(value_bytes.substr(at));
      counts[reason_name(key.reason)] += static_cast<double>(one.packets);
    }
  }
  return counts;
}

double unrecorded_flows(const kernel::Datapath& datapath) {
  const std::uint32_t counter = CAISSON_UNRECORDED;
  const std::string per_cpu = datapath.get("counters", bytes_of(counter));
  double sum = 0;
  for (std::size_t at = 0; at + sizeof(std::uint64_t) <= per_cpu.size(); at += sizeof(std::uint64_t)) {
    sum += static_cast<double>(value_of<std::uint64_t>(per_cpu.substr(at)));
  }
  return sum;
}

std::string metrics_text(const std::map<std::string, double>& slots, double steps, double leaked,
                         const std::map<std::string, double>& drops, double unrecorded) {
  prometheus::Registry registry;
  auto& by_state =
      prometheus::BuildGauge().Name("caisson_slots").Help("Slots of the pool, by state.").Register(registry);
  for (const auto& [state, count] : slots) {
    by_state.Add({{"state", state}}).Set(count);
  }
  prometheus::BuildGauge()
      .Name("caisson_plan_operations")
      .Help("Steps by which the kernel differs from the model; 0 at rest.")
      .Register(registry)
      .Add({})
      .Set(steps);
  prometheus::BuildGauge()
      .Name("caisson_leaked_objects")
      .Help("Links, map entries and pins that bear our mark and that the model does not have; 0 at rest.")
      .Register(registry)
      .Add({})
      .Set(leaked);
  auto& dropped = prometheus::BuildCounter()
                      .Name("caisson_dropped_packets_total")
                      .Help("Packets dropped outside of flows, by reason.")
                      .Register(registry);
  for (const auto& [reason, count] : drops) {
    dropped.Add({{"reason", reason}}).Increment(count);
  }
  prometheus::BuildCounter()
      .Name("caisson_unrecorded_packets_total")
      .Help("Packets of flows that the map of flows had no room for.")
      .Register(registry)
      .Add({})
      .Increment(unrecorded);
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

}  // namespace caisson::netd::core
