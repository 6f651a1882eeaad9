// The pool of slots: who has which, and the few map writes that attach, seal and detach are.
//
// The ports of each of an interface's addresses are cut into 63 blocks; an attached slot owns one. Blocks rotate, least
// recently used first, and each attach begins a new epoch, so that a late packet of a former owner's flow finds neither
// slot nor entry. When few blocks are left, the interface is to get another address, before it is needed.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"
#include "netd/core/fabric.hh"
#include "vpc/compile/desired_state.hh"

namespace caisson::netd::core {

/// Thread-safe. Errors of these calls: SlotNotFound (not the caller's), SlotNotReady (wrong state), SlotsExhausted,
/// BlocksExhausted, and those of the maps.
class Slots {
 public:
  using Connection = std::uint64_t;
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kClaimTime{10};

  /// Adopts what the pinned map says is attached: unclaimed slots are returned after kClaimTime.
  explicit Slots(Fabric& fabric);

  struct Lease {
    std::uint32_t slot = 0;
    Fd tap;
  };
  Result<Lease> lease(Connection connection);
  struct Attachment {
    std::uint32_t epoch = 0;
    std::chrono::nanoseconds took{};
  };
  /// A function interface and its addresses. Those that the datapath does not know yet are not used yet.
  struct Interface {
    std::string id;
    std::vector<vpc::EniKey> addresses;
  };
  Result<Attachment> attach(Connection connection, std::uint32_t slot, const Interface& interface);
  /// Interfaces that have fewer free blocks than kFewBlocks; their addresses as of the last attach.
  [[nodiscard]] std::vector<Interface> low_interfaces() const;
  [[nodiscard]] bool is_low(const std::string& interface) const;
  static constexpr std::size_t kFewBlocks = 24;
  /// What is known of interfaces that are gone goes.
  void keep_interfaces(const std::function<bool(const std::string& id)>& exists);
  /// How often each of the errors SlotsExhausted and BlocksExhausted was the answer.
  [[nodiscard]] std::map<std::string, std::uint64_t> refusals() const;
  Status set_sealed(Connection connection, std::uint32_t slot, bool sealed);
  Status detach(Connection connection, std::uint32_t slot);
  Status give_back(Connection connection, std::uint32_t slot);
  /// Error SlotNotFound: not attached in this epoch, or claimed by another connection.
  Result<Fd> resume(Connection connection, std::uint32_t slot, std::uint32_t epoch);

  /// The connection is closed: its slots wait for another one to claim them.
  void abandon(Connection connection);
  /// Returns abandoned slots whose time is over.
  void return_unclaimed(Clock::time_point now);

  struct View {
    std::uint32_t slot = 0;
    std::string tap;
    std::string state;  ///< "free", "leased", "attached", "sealed"
    std::string eni;
    int block = 0;
    Ipv4Address address;  ///< whose block it is
  };
  [[nodiscard]] std::vector<View> views() const;

 private:
  struct Slot {
    bool leased = false;
    Connection owner = 0;
    std::optional<Clock::time_point> unclaimed_until;
    std::string bytes;  ///< struct caisson_slot, as in the map; empty when not attached
  };
  Result<Slot*> owned(Connection connection, std::uint32_t slot);
  Status unbind(std::uint32_t slot);
  struct Block {
    vpc::EniKey where;
    std::uint16_t number = 0;
  };
  /// The blocks of one interface.
  struct Pool {
    std::vector<vpc::EniKey> addresses;  ///< whose blocks are known
    std::deque<Block> free;              ///< the least recently used first
  };
  Result<Block> take_block(const Interface& interface);
  void learn_addresses(const Interface& interface, Pool& pool);
  Error refuse(std::string code, std::string message);

  Fabric& fabric_;
  mutable std::mutex mutex_;
  std::vector<Slot> slots_;
  std::map<std::string, Pool> pools_;  ///< by the interface's id
  std::map<std::string, std::uint64_t> refusals_{{"BlocksExhausted", 0}, {"SlotsExhausted", 0}};
  std::uint32_t epoch_ = 0;
};

}  // namespace caisson::netd::core
