#include "netd/core/sweep.hh"

#include <algorithm>
#include <ctime>
#include <map>
#include <vector>

#include "base/bytes.hh"
#include "netd/bpf/caisson_abi.h"
#include "netd/core/metrics.hh"

namespace caisson::netd::core {
namespace {

/// How long a record stays after its last packet: long enough for an operator to look.
constexpr std::uint64_t kAuditIdle = 600 * CAISSON_NS;
/// Of one large map in one step, about.
constexpr std::size_t kMostEntries = 65536;

std::uint64_t now() {
  timespec time{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &time);  // bpf_ktime_get_ns()
  return static_cast<std::uint64_t>(time.tv_sec) * CAISSON_NS + static_cast<std::uint64_t>(time.tv_nsec);
}

/// As the programs judge it: a time that another CPU wrote just now may be ahead of ours, which is no age.
bool is_older(std::uint64_t then, std::uint64_t time, std::uint64_t limit) {
  const auto age = static_cast<std::int64_t>(time - then);
  return age > 0 && static_cast<std::uint64_t>(age) > limit;
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

/// The interface that is not in `eni_flows` may have been made since that was read.
bool is_gone(const kernel::Datapath& datapath, const Table& eni_flows, const std::string& number) {
  return !eni_flows.contains(number) && datapath.get("eni_flows", number).empty();
}

std::uint64_t number_at(const kernel::Datapath& datapath, const char* map, const std::string& key) {
  const std::string found = datapath.get(map, key);
  return found.empty() ? 0 : value_of<std::uint64_t>(found);
}

Status give_back(const kernel::Datapath& datapath, const char* map,
                 const std::map<std::string, std::uint64_t>& freed) {
  for (const auto& [key, count] : freed) {
    TRYV(datapath.put(map, key, bytes_of(number_at(datapath, map, key) + count)));
  }
  return ok();
}

/// Entries that no longer hold, or whose network interface is gone. `eni_flows` has the interfaces that there are.
Status sweep_conntrack(const kernel::Datapath& datapath, const Table& eni_flows, std::uint64_t time,
                       kernel::Datapath::Cursor& cursor) {
  TRY(const auto slots, datapath.dump("slots"));
  std::vector<std::string> expired;
  std::map<std::string, std::uint64_t> freed;
  std::map<std::string, std::uint64_t> freed_of_accounts;
  TRYV(datapath.visit_some(
      "conntrack", kMostEntries, cursor, [&](std::string_view key, std::string_view value) {
        const auto flow = value_of<caisson_flow_key>(key);
        const auto entry = value_of<caisson_conntrack>(value);
        const std::string number = bytes_of(flow.eni);
        const bool holds = !is_older(entry.last_seen, time, idle_time(slots, entry, flow.protocol));
        const bool gone = is_gone(datapath, eni_flows, number);
        if (holds && !gone) return;
        expired.emplace_back(key);
        ++freed_of_accounts[bytes_of(entry.account)];
        if (!gone) ++freed[number];
      }));
  TRYV(datapath.erase_all("conntrack", expired));
  TRYV(give_back(datapath, "eni_freed", freed));
  return give_back(datapath, "account_freed", freed_of_accounts);
}

/// How many flows each account has. Those that it has beyond its own share are of the common one: that count follows from
/// the others, and is corrected each time.
Status settle_accounts(const kernel::Datapath& datapath) {
  const std::string common = bytes_of(std::uint64_t{CAISSON_COMMON});
  // First: what is taken from here on is counted twice until the next sweep, and not missed.
  const auto taken = number_at(datapath, "account_flows", common);
  TRY(const auto used, datapath.dump("account_flows"));
  TRY(const auto freed, datapath.dump("account_freed"));
  std::uint64_t beyond = 0;
  for (const auto& [account, count] : used) {
    if (account == common) continue;
    const auto given = freed.find(account);
    const auto held = static_cast<std::int64_t>(
        value_of<std::uint64_t>(count) - (given == freed.end() ? 0 : value_of<std::uint64_t>(given->second)));
    if (held > CAISSON_FLOWS_PER_ACCOUNT)
      beyond += static_cast<std::uint64_t>(held - CAISSON_FLOWS_PER_ACCOUNT);
  }
  return datapath.put("account_freed", common, bytes_of(taken > beyond ? taken - beyond : std::uint64_t{0}));
}

/// Accounts that have neither flows nor network interfaces.
Status sweep_accounts(const kernel::Datapath& datapath) {
  TRY(const auto used, datapath.dump("account_flows"));
  std::vector<std::string> idle;
  for (const auto& [account, count] : used) {
    if (account != bytes_of(std::uint64_t{CAISSON_COMMON}) &&
        value_of<std::uint64_t>(count) == number_at(datapath, "account_freed", account))
      idle.push_back(account);
  }
  if (idle.empty()) return ok();
  std::set<std::string> present;
  TRYV(datapath.visit("enis", [&](std::string_view, std::string_view value) {
    present.insert(bytes_of(value_of<caisson_eni>(value).account));
  }));
  std::erase_if(idle, [&](const auto& account) { return present.contains(account); });
  TRYV(datapath.erase_all("account_flows", idle));
  return datapath.erase_all("account_freed", idle);
}

Status sweep_freed(const kernel::Datapath& datapath, const Table& eni_flows) {
  std::vector<std::string> left;
  TRYV(datapath.visit("eni_freed", [&](std::string_view number, std::string_view) {
    if (is_gone(datapath, eni_flows, std::string(number))) left.emplace_back(number);
  }));
  return datapath.erase_all("eni_freed", left);
}

Status sweep_fragments(const kernel::Datapath& datapath, std::uint64_t time) {
  std::vector<std::string> expired;
  TRYV(datapath.visit("fragments", [&](std::string_view key, std::string_view value) {
    if (is_older(value_of<caisson_fragment>(value).began, time, CAISSON_FRAGMENT_TIME))
      expired.emplace_back(key);
  }));
  return datapath.erase_all("fragments", expired);
}

Status sweep_records(const kernel::Datapath& datapath, std::uint64_t time, kernel::Datapath::Cursor& cursor) {
  std::vector<std::string> idle;
  TRYV(datapath.visit_some("flows", kMostEntries, cursor, [&](std::string_view key, std::string_view value) {
    const auto record = value_of<caisson_audit>(value);
    if (is_older(record.last_seen, time, kAuditIdle)) idle.emplace_back(key);
  }));
  return datapath.erase_all("flows", idle);
}

}  // namespace

Result<std::map<std::string, double>> sweep_drops(const kernel::Datapath& datapath, const Ports& ports) {
  TRY(const auto records, datapath.dump("drops"));
  TRY(const auto present, ports());
  std::map<std::string, double> gone;
  for (const auto& [key_bytes, value_bytes] : records) {
    const auto key = value_of<caisson_drop_key>(key_bytes);
    if (present.contains(key.port)) continue;
    TRYV(datapath.erase("drops", key_bytes));
    gone[reason_name(key.reason)] += dropped_packets(value_bytes);
  }
  return gone;
}

Status Sweep::step() {
  const std::uint64_t time = now();
  TRY(const auto interfaces, datapath_.dump("eni_flows"));
  TRYV(sweep_conntrack(datapath_, interfaces, time, tracked_));
  TRYV(sweep_freed(datapath_, interfaces));
  TRYV(settle_accounts(datapath_));
  // Once in a round over the flows: accounts are few, and go seldom.
  if (tracked_.empty()) {
    TRYV(sweep_accounts(datapath_));
  }
  TRYV(sweep_fragments(datapath_, time));
  return sweep_records(datapath_, time, records_);
}

}  // namespace caisson::netd::core
