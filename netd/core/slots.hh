// The pool of slots: who has which, and the few map writes that attach, seal and detach are.
//
// An interface's ports are cut into 63 blocks; an attached slot owns one. Blocks rotate, least recently used first,
// and each attach begins a new epoch, so that a late packet of a former owner's flow finds neither slot nor entry.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
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
  Result<Attachment> attach(Connection connection, std::uint32_t slot, const std::string& eni,
                            const vpc::EniKey& where);
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
  Result<std::uint16_t> take_block(const vpc::EniKey& where);

  Fabric& fabric_;
  mutable std::mutex mutex_;
  std::vector<Slot> slots_;
  std::map<vpc::EniKey, std::deque<std::uint16_t>> free_blocks_;
  std::uint32_t epoch_ = 0;
};

}  // namespace caisson::netd::core
