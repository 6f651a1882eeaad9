#include "vmm/memory_file.hh"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace caisson::vmm {

Result<Fd> make_memory_file(const std::string& name, std::uint64_t bytes) {
  Fd file = Fd::own(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return Error::system(errno, "make memfd", name);
  if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0)
    return Error::system(errno, "size memfd", name);
  return file;
}

Status seal_memory_file(const Fd& file) {
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return Error::system(errno, "seal", "a memfd");
  }
  return ok();
}

Result<Fd> reopen_for_reading(const Fd& file) {
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  Fd copy = Fd::own(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!copy) return Error::system(errno, "open", path);
  return copy;
}

Result<std::uint64_t> used_bytes(const Fd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return Error::system(errno, "stat", "a memfd");
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

}  // namespace caisson::vmm
