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

  // Slots: as AttachClient's, and remembered for the next connection from lease to return.
  Result<netd::LeasedSlot> lease();
  Status attach(std::uint32_t slot, const std::string& interface);
  /// Detaches and returns. Errors are of no use to the caller: a lost connection returns the slot, too.
  void give_back(std::uint32_t slot);

 private:
  void run();
  std::shared_ptr<netd::AttachClient> connect();
  void wait_until_lost(const netd::AttachClient& client);
  bool wait_before_retry();

  const std::string path_;
  const std::function<void()> connected_;
  mutable std::mutex mutex_;  ///< guards the following three
  std::shared_ptr<netd::AttachClient> client_;
  std::map<std::uint32_t, std::uint64_t> generations_;  ///< of the attached slots
  bool stopping_ = false;
  Fd wake_;
  std::thread thread_;
};

}  // namespace caisson::runner
