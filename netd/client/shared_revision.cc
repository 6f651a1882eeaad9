#include "netd/client/shared_revision.hh"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace caisson::netd {
namespace {

constexpr std::size_t kBytes = 4096;
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

Result<SharedRevision::Page> map_page(const Fd& descriptor, int protection) {
  void* page = ::mmap(nullptr, kBytes, protection, MAP_SHARED, descriptor.get(), 0);
  if (page == MAP_FAILED) return Error::system(errno, "map", "the revision");
  // A new memfd is zeros, which is what an atomic zero is.
  return SharedRevision::Page(static_cast<std::atomic<std::uint64_t>*>(page));
}

}  // namespace

void SharedRevision::Unmap::operator()(std::atomic<std::uint64_t>* page) const {
  (void)::munmap(page, kBytes);
}

Result<SharedRevision> SharedRevision::make() {
  Fd descriptor = Fd::own(::memfd_create("caisson-revision", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!descriptor || ::ftruncate(descriptor.get(), kBytes) != 0)
    return Error::system(errno, "make", "the revision's memory");
  TRY(auto page, map_page(descriptor, PROT_READ | PROT_WRITE));
  // Ours is the last mapping that may write.
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
  if (::fcntl(descriptor.get(), F_ADD_SEALS, kSeals) != 0)
    return Error::system(errno, "seal", "the revision's memory");
  return SharedRevision(std::move(descriptor), std::move(page));
}

Result<RevisionWatch> RevisionWatch::map(const Fd& descriptor) {
  TRY(auto page, map_page(descriptor, PROT_READ));
  return RevisionWatch(std::move(page));
}

}  // namespace caisson::netd
