#include "netd/core/sweep.hh"

#include <algorithm>
#include <ctime>

#include "base/bytes.hh"
#include "netd/bpf/caisson_abi.h"
#include "netd/core/metrics.hh"

namespace caisson::netd::core {
namespace {

/// How long a record stays after its last packet: long enough for an operator to look.
constexpr std::uint64_t kAuditIdle = 600 * CAISSON_NS;

std::uint64_t now() {
  timespec time{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &time);  // bpf_ktime_get_ns()
  return static_cast<std::uint64_t>(time.tv_sec) * CAISSON_NS + static_cast<std::uint64_t>(time.tv_nsec);
}

using Table = std::map<std::string, std::string>;

/// Has the slot that began the flow another owner, or none, by now? `slots` is the map.
bool is_orphan(const Table& slots, const caisson_conntrack& entry) {
  if (entry.slot == 0) return false;  // a member's
  const auto slot = slots.find(bytes_of(entry.slot));
  return slot == slots.end() || value_of<caisson_slot>(slot->second).epoch != entry.epoch;
}

/// A flow whose owner is gone stays for as long as late packets may come: until then no other gets its ports.
std::uint64_t idle_time(const Table& slots, const caisson_conntrack& entry, std::uint8_t protocol) {
  const std::uint64_t idle = caisson_idle_time(&entry, protocol);
  return is_orphan(slots, entry) ? std::min<std::uint64_t>(idle, CAISSON_IDLE_ORPHAN) : idle;
}

/// Entries that no longer hold, or whose network interface is gone. `eni_flows` has the interfaces that there are.
Status sweep_conntrack(const kernel::Datapath& datapath, const Table& eni_flows, std::uint64_t time) {
  TRY(const auto slots, datapath.dump("slots"));
  TRY(const auto tracked, datapath.dump("conntrack"));
  for (const auto& [key, value] : tracked) {
    const auto flow = value_of<caisson_flow_key>(key);
    const auto entry = value_of<caisson_conntrack>(value);
    const std::string number = bytes_of(flow.eni);
    const bool has_interface = eni_flows.contains(number);
    const bool holds =
        time < entry.last_seen || time - entry.last_seen <= idle_time(slots, entry, flow.protocol);
    if (has_interface && holds) continue;
    TRYV(datapath.erase("conntrack", key));
    if (!has_interface) continue;
    const std::string freed = datapath.get("eni_freed", number);
    TRYV(datapath.put("eni_freed", number, bytes_of(value_of<std::uint64_t>(freed) + 1)));
  }
  TRY(const auto freed, datapath.dump("eni_freed"));
  for (const auto& [number, count] : freed) {
    if (!eni_flows.contains(number)) {
      TRYV(datapath.erase("eni_freed", number));
    }
  }
  return ok();
}

Status sweep_fragments(const kernel::Datapath& datapath, std::uint64_t time) {
  TRY(const auto noted, datapath.dump("fragments"));
  for (const auto& [key, value] : noted) {
    const auto began = value_of<caisson_fragment>(value).began;
    if (time < began || time - began <= CAISSON_FRAGMENT_TIME) continue;
    TRYV(datapath.erase("fragments", key));
  }
  return ok();
}

Status sweep_records(const kernel::Datapath& datapath, std::uint64_t time) {
  TRY(const auto records, datapath.dump("flows"));
  for (const auto& [key, value] : records) {
    const auto record = value_of<caisson_audit>(value);
    if (time > record.last_seen && time - record.last_seen > kAuditIdle) {
      TRYV(datapath.erase("flows", key));
    }
  }
  return ok();
}

}  // namespace

Result<std::map<std::string, double>> sweep_drops(const kernel::Datapath& datapath,
                                                  const std::set<std::uint32_t>& present) {
  TRY(const auto records, datapath.dump("drops"));
  std::map<std::string, double> gone;
  for (const auto& [key_bytes, value_bytes] : records) {
    const auto key = value_of<caisson_drop_key>(key_bytes);
    if (present.contains(key.port)) continue;
    TRYV(datapath.erase("drops", key_bytes));
    gone[reason_name(key.reason)] += dropped_packets(value_bytes);
  }
  return gone;
}

Status sweep_flows(const kernel::Datapath& datapath) {
  const std::uint64_t time = now();
  TRY(const auto interfaces, datapath.dump("eni_flows"));
  TRYV(sweep_conntrack(datapath, interfaces, time));
  TRYV(sweep_fragments(datapath, time));
  return sweep_records(datapath, time);
}

}  // namespace caisson::netd::core
