// A function's archive: whatever it is, the tar made of it stays within its folder and its size.
#include <archive.h>
#include <archive_entry.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.hh"
#include "runner/unzip/conversion.hh"
#include "runner/unzip/paths.hh"
#include "tests/fuzz/fuzz.hh"

namespace {

using namespace caisson;
constexpr std::int64_t kLimit = 64 * 1024;

void check(const Fd& tar) {
  archive* reader = archive_read_new();
  archive_read_support_format_tar(reader);
  REQUIRE(archive_read_open_fd(reader, tar.get(), 4096) == ARCHIVE_OK);
  std::int64_t bytes = 0;
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
    const char* path = archive_entry_pathname(entry);
    REQUIRE(path != nullptr && runner::is_inner_path(path));
    const auto type = archive_entry_filetype(entry);
    REQUIRE(type == AE_IFREG || type == AE_IFDIR || type == AE_IFLNK);
    REQUIRE(archive_entry_hardlink(entry) == nullptr);
    REQUIRE((archive_entry_perm(entry) & ~0777U) == 0);
    if (const char* target = archive_entry_symlink(entry)) REQUIRE(runner::is_inner_link(path, target));
    bytes += archive_entry_size(entry);
  }
  REQUIRE(bytes <= kLimit);
  archive_read_free(reader);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Fd zip = Fd::own(::memfd_create("zip", MFD_CLOEXEC));
  static const Fd tar = Fd::own(::memfd_create("tar", MFD_CLOEXEC));
  for (const Fd* file : {&zip, &tar}) {
    if (::ftruncate(file->get(), 0) != 0 || ::lseek(file->get(), 0, SEEK_SET) != 0) return 0;
  }
  if (::pwrite(zip.get(), data, size, 0) != static_cast<ssize_t>(size)) return 0;
  std::string reason;
  if (runner::zip_to_tar(zip.get(), tar.get(), kLimit, reason) != runner::kDone) return 0;
  if (::lseek(tar.get(), 0, SEEK_SET) == 0) check(tar);
  return 0;
}
