// runnerd's connection to netd: made again when it is lost, with the live slots claimed anew.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/fd.hh"
#include "base/result.hh"
#include "netd/client/attach_client.hh"

namespace caisson::runner {

/// Thread-safe. A thread of its own watches the connection and connects again, also when nobody asks for
/// anything: netd seals slots that are not claimed within ten seconds of its start.
class NetdLink {
 public:
  /// `connected` is called from the link's thread after each connection, the first one included.
  NetdLink(std::string path, std::function<void()> connected);
  ~NetdLink();
  NetdLink(const NetdLink&) = delete;
  NetdLink& operator=(const NetdLink&) = delete;

  /// The client of the current connection. Error: "NetdUnavailable".
  Result<std::shared_ptr<netd::AttachClient>> client() const;
  [[nodiscard]] bool is_connected() const;

  /// A slot in use. Numbers are used again, ids never: a slot that was lost with its connection can't be mistaken
  /// for one that was leased later.
  using SlotId = std::uint64_t;
  struct Leased {
    SlotId id = 0;
    Fd tap;
  };
  /// Errors: kNoFreeSlot, "NetdUnavailable", those of the connection.
  Result<Leased> lease();
  /// `process` (a pidfd) uses the slot's tap: it is killed when the slot is lost, since netd may lease the slot to
  /// another one then.
  void bind_process(SlotId id, Fd process);
  // Errors of the following: "SlotLost" when the slot was not carried over to the present connection; netd's.
  Status attach(SlotId id, const std::string& interface);
  Status seal(SlotId id);
  Status unseal(SlotId id);
  /// Detaches and returns; a lost slot is only forgotten. The microVM must be dead.
  void give_back(SlotId id);

 private:
  void run();
  struct Slot {
    std::uint32_t number = 0;
    std::uint64_t generation = 0;  ///< 0: not attached
    std::uint64_t connection = 0;  ///< the one that it belongs to
    std::shared_ptr<Fd> process;   ///< a pidfd, or nullptr
  };
  struct Use {
    std::shared_ptr<netd::AttachClient> client;
    Slot slot;
  };
  Result<Use> use(SlotId id) const;
  std::shared_ptr<netd::AttachClient> connect();
  Status claim_slots(netd::AttachClient& client, std::uint64_t connection);
  Status claim(netd::AttachClient& client, SlotId id, const Slot& slot, std::uint64_t connection);
  void wait_until_lost(const netd::AttachClient& client);
  bool wait_before_retry();

  const std::string path_;
  const std::function<void()> connected_;
  mutable std::mutex mutex_;  ///< guards the following; all threads that start or end environments come here
  std::shared_ptr<netd::AttachClient> client_;
  std::uint64_t connection_ = 0;
  std::map<SlotId, Slot> slots_;
  SlotId next_slot_ = 1;
  bool stopping_ = false;
  Fd wake_;
  std::thread thread_;
};

}  // namespace caisson::runner
