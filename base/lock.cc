#include "base/lock.hh"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <thread>

namespace caisson {

Result<Fd> lock_folder(const std::string& path, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  Fd folder = Fd::own(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return Error::system(errno, "open folder", path);
  // A flock() that waits has no deadline.
  for (;; std::this_thread::sleep_for(std::chrono::milliseconds(10))) {
    if (::flock(folder.get(), LOCK_EX | LOCK_NB) == 0) return folder;
    if (errno != EWOULDBLOCK && errno != EINTR) return Error::system(errno, "lock folder", path);
    if (std::chrono::steady_clock::now() >= deadline) break;
  }
  return Error{
      .code = "EBUSY",
      .message = "another daemon uses the folder " + path + "; stop it, or choose another --instance",
      .errno_value = EBUSY};
}

}  // namespace caisson
