#include "netd/core/sweep.hh"

#include <netinet/in.h>

#include <cstring>
#include <ctime>

#include "netd/bpf/caisson_abi.h"

namespace caisson::netd::core {
namespace {

/// How long a record stays after its last packet: long enough for an operator to look.
constexpr std::uint64_t kAuditIdle = 600 * CAISSON_NS;

template <class T>
std::string bytes_of(const T& value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

template <class T>
T value_of(const std::string& bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
  return value;
}

std::uint64_t now() {
  timespec time{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &time);  // bpf_ktime_get_ns()
  return static_cast<std::uint64_t>(time.tv_sec) * CAISSON_NS + static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t idle_time(const caisson_conntrack& entry, std::uint8_t protocol) {
  if (protocol == IPPROTO_TCP) {
    if (entry.closing != 0) return CAISSON_IDLE_CLOSING;
    return entry.answered != 0 ? CAISSON_IDLE_ANSWERED : CAISSON_IDLE_UNANSWERED;
  }
  return entry.answered != 0 ? CAISSON_IDLE_STREAM : CAISSON_IDLE_DATAGRAM;
}

}  // namespace

Status sweep_flows(const kernel::Datapath& datapath) {
  const std::uint64_t time = now();
  TRY(const auto tracked, datapath.dump("conntrack"));
  for (const auto& [key, value] : tracked) {
    const auto flow = value_of<caisson_flow_key>(key);
    const auto entry = value_of<caisson_conntrack>(value);
    if (time < entry.last_seen || time - entry.last_seen <= idle_time(entry, flow.protocol)) continue;
    TRYV(datapath.erase("conntrack", key));
    const std::string number = bytes_of(flow.eni);
    const std::string freed = datapath.get("eni_freed", number);
    TRYV(datapath.put("eni_freed", number, bytes_of(value_of<std::uint64_t>(freed) + 1)));
  }
  TRY(const auto records, datapath.dump("flows"));
  for (const auto& [key, value] : records) {
    const auto record = value_of<caisson_audit>(value);
    if (time > record.last_seen && time - record.last_seen > kAuditIdle) {
      TRYV(datapath.erase("flows", key));
    }
  }
  return ok();
}

}  // namespace caisson::netd::core
