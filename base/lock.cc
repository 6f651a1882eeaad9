#include "base/lock.hh"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace caisson {

Result<Fd> lock_folder(const std::string& path) {
  Fd folder = Fd::own(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return Error::system(errno, "open folder", path);
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) == 0) return folder;
  if (errno != EWOULDBLOCK) return Error::system(errno, "lock folder", path);
  return Error{
      .code = "EBUSY",
      .message = "another daemon uses the folder " + path + "; stop it, or choose another --instance",
      .errno_value = EBUSY};
}

}  // namespace caisson
