#include "base/fd.hh"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace caisson {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    raw_ = std::exchange(other.raw_, -1);
  }
  return *this;
}

void Fd::reset() {
  // The error of close() is of no use: Linux has released the descriptor in any case.
  if (raw_ >= 0) (void)::close(std::exchange(raw_, -1));
}

Result<Fd> Fd::duplicate() const {
  const int copy = ::fcntl(raw_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Error::system(errno, "duplicate", "descriptor " + std::to_string(raw_));
  return Fd::own(copy);
}

}  // namespace caisson
