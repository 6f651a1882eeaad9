// The users that microVMs run as: one each, from a configured range.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>

#include "base/result.hh"

namespace caisson::runner {

/// Thread-safe. A uid is used again only when its microVM is dead, and as late as possible.
class UidRange {
 public:
  UidRange(std::uint32_t first, std::uint32_t count) : first_(first), count_(count), next_(first) {}

  /// Error: "NoFreeUser".
  Result<std::uint32_t> take() {
    const std::lock_guard lock(mutex_);
    if (used_.size() >= count_)
      return Error{.code = "NoFreeUser", .message = "all users of the range are in use"};
    while (used_.contains(next_))
      advance();
    const std::uint32_t uid = next_;
    used_.insert(uid);
    advance();
    return uid;
  }
  void give_back(std::uint32_t uid) {
    const std::lock_guard lock(mutex_);
    used_.erase(uid);
  }

 private:
  void advance() { next_ = next_ + 1 == first_ + count_ ? first_ : next_ + 1; }

  const std::uint32_t first_;
  const std::uint32_t count_;
  std::mutex mutex_;
  std::uint32_t next_;
  std::set<std::uint32_t> used_;
};

}  // namespace caisson::runner
