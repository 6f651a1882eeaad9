// A number in memory that netd shares: it goes up with each change of the model, before the change is acknowledged. Who
// keeps what it was told, and the number from before it asked, knows without asking whether that still holds.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::netd {

/// netd's end. Thread-safe.
class SharedRevision {
 public:
  /// Errors: those of memfd_create(2), ftruncate(2), mmap(2) and fcntl(2).
  static Result<SharedRevision> make();

  void advance() { page_->fetch_add(1, std::memory_order_acq_rel); }
  /// For watchers: nobody can write by it, or change its size.
  [[nodiscard]] const Fd& descriptor() const { return descriptor_; }

  struct Unmap {
    void operator()(std::atomic<std::uint64_t>* page) const;
  };
  using Page = std::unique_ptr<std::atomic<std::uint64_t>, Unmap>;

 private:
  SharedRevision(Fd descriptor, Page page) : descriptor_(std::move(descriptor)), page_(std::move(page)) {}
  Fd descriptor_;
  Page page_;
};

/// The other end: of one netd, whose end it does not tell. Thread-safe.
class RevisionWatch {
 public:
  /// Errors: those of mmap(2).
  static Result<RevisionWatch> map(const Fd& descriptor);
  [[nodiscard]] std::uint64_t value() const { return page_->load(std::memory_order_acquire); }

 private:
  explicit RevisionWatch(SharedRevision::Page page) : page_(std::move(page)) {}
  SharedRevision::Page page_;
};

}  // namespace caisson::netd
