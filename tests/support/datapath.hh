// The shipped programs, run on packets by the kernel (bpf_prog_test_run_opts): nothing is attached or sent.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "netd/bpf/caisson_abi.h"
#include "netd/reconcile/tables.hh"
#include "vpc/model/state.hh"

namespace caisson::test {

enum class Program { kFromGuest, kToGuest, kFromStack, kFromUplink };

/// What a program did with a packet.
struct Ran {
  int action = 0;  ///< TC_ACT_OK 0, TC_ACT_SHOT 2, TC_ACT_REDIRECT 7
  std::string packet;
  std::uint32_t mark = 0;
  std::uint32_t nanoseconds = 0;
};

struct AuditRecord {
  caisson_audit_key key;
  caisson_audit value;
};

/// Maps of its own, pinned in a folder of bpffs that is named after `name` and gone with the object.
class TestDatapath {
 public:
  explicit TestDatapath(const std::string& name);
  ~TestDatapath();
  TestDatapath(const TestDatapath&) = delete;
  TestDatapath& operator=(const TestDatapath&) = delete;

  /// The loopback device: programs must be run for a device that exists.
  static constexpr std::uint32_t kDevice = 1;
  /// Ports of the state's members get these indexes, in the order of their names.
  static constexpr std::uint32_t kFirstPort = 1000;

  /// Makes the maps hold what the state compiles to, and nothing else but slots.
  void fill(const vpc::State& state);
  void fill(const vpc::State& state, const vpc::NetworkInterfaceId& member);
  /// The same after a change of the model: what the programs wrote stays.
  void refill(const vpc::State& state, const vpc::NetworkInterfaceId& member);
  /// The device is the port of this member, besides the member's own.
  void use_member(const vpc::NetworkInterfaceId& member);
  /// The device is this slot.
  void put_slot(const caisson_slot& slot);
  void remove_slot();

  /// `repeat` above 1 is for programs that leave this packet as it is; `nanoseconds` is then the mean.
  Ran run(Program program, const std::string& packet, std::uint32_t mark = 0, int repeat = 1);

  void put(const std::string& map, const std::string& key, const std::string& value);
  [[nodiscard]] std::string get(const std::string& map, const std::string& key) const;
  [[nodiscard]] std::vector<AuditRecord> records() const;
  /// Packets dropped since forget(), by reason, wherever.
  [[nodiscard]] std::map<std::uint32_t, std::uint64_t> all_drops() const;
  /// Where the maps are pinned.
  [[nodiscard]] const std::string& folder() const;
  /// All entries: keys and values.
  [[nodiscard]] std::map<std::string, std::string> dump(const std::string& map) const;
  /// Empties flows and drops.
  void forget_records();
  /// And conntrack, how many of its entries each account has, and the fragments.
  void forget();

 private:
  void put_tables(const vpc::State& state);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A slot of the function interface.
caisson_slot slot_of(const vpc::State& state, const vpc::NetworkInterface& interface, std::uint16_t block,
                     std::uint32_t epoch);

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// Of bytes that are at least as many.
template <class T>
T value_of(const std::string& bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace caisson::test
