// An owned file descriptor.
#pragma once

#include <utility>

#include "base/result.hh"

namespace caisson {

/// Closes its descriptor when destroyed. Move-only; a moved-from Fd is empty. Not thread-safe.
class Fd {
 public:
  Fd() = default;
  /// Takes ownership of `raw`, which is -1 or an open descriptor.
  static Fd own(int raw) { return Fd(raw); }

  Fd(Fd&& other) noexcept : raw_(std::exchange(other.raw_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return raw_; }
  [[nodiscard]] explicit operator bool() const { return raw_ >= 0; }
  /// Gives the descriptor away; the Fd is empty afterwards.
  [[nodiscard]] int release() && { return std::exchange(raw_, -1); }
  void reset();

  /// A duplicate with close-on-exec. Errors: those of fcntl(F_DUPFD_CLOEXEC).
  [[nodiscard]] Result<Fd> duplicate() const;

 private:
  explicit Fd(int raw) : raw_(raw) {}
  int raw_ = -1;
};

}  // namespace caisson
