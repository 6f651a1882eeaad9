// The last bytes of each guest's serial console.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/fd.hh"

namespace caisson::vmm {

inline constexpr std::size_t kConsoleBytes = 64 * 1024;

/// Keeps the last `capacity` bytes of what is put in. Thread-safe.
class RingBuffer {
 public:
  explicit RingBuffer(std::size_t capacity) : capacity_(capacity) {}
  void put(std::string_view bytes);
  [[nodiscard]] std::string text() const;
  /// There will be no more.
  void end();
  /// Until end() was called; false: not in time.
  [[nodiscard]] bool wait_end(std::chrono::milliseconds time) const;

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  mutable std::condition_variable ended_changed_;
  bool ended_ = false;
  std::string bytes_;  ///< full: the oldest byte is at next_
  std::size_t next_ = 0;
};

/// Reads `socket` into a ring of kConsoleBytes until its end, on one thread that serves all guests: a guest
/// that floods its console neither blocks nor costs more memory. The reading stops when `socket`'s peer is
/// closed.
std::shared_ptr<const RingBuffer> drain_console(Fd socket);

}  // namespace caisson::vmm
