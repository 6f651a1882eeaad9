// caisson-unzip MAX_BYTES: reads a ZIP from descriptor 0 and writes it as a tar to descriptor 1.
//
// It is run by runnerd on archives that strangers sent, as a user without privileges; whatever libarchive
// could be made to do, it can do without files, sockets and processes: seccomp allows reading, writing and
// memory. Exit status: 0 done; 2 the archive is refused, the reason (perhaps empty) on descriptor 2; 1
// anything else.
#include <archive.h>
#include <archive_entry.h>
#include <seccomp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runner/unzip/paths.hh"

namespace {

constexpr int kRefused = 2;
constexpr int kMaxEntries = 100'000;

struct FreeRead {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
struct FreeWrite {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
using Reader = std::unique_ptr<archive, FreeRead>;
using Writer = std::unique_ptr<archive, FreeWrite>;

int refuse(const std::string& reason) {
  (void)!::write(STDERR_FILENO, reason.data(), reason.size());
  return kRefused;
}

bool confine() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (filter == nullptr) return false;
  bool done = true;
  for (const int call :
       {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
        SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(brk),
        SCMP_SYS(madvise), SCMP_SYS(close), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),
        SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime)}) {
    done = done && seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0;
  }
  // libarchive asks where time zones and character sets are; "there are none" is answer enough.
  for (const int call : {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(access)}) {
    done = done && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), call, 0) == 0;
  }
  done = done && seccomp_load(filter) == 0;
  seccomp_release(filter);
  return done;
}

/// Copies an entry's data; false: the archive is damaged, or the limit is reached.
bool copy_data(archive* reader, archive* writer, std::int64_t left) {
  std::array<char, 64 * 1024> buffer{};
  while (left >= 0) {
    const la_ssize_t size = archive_read_data(reader, buffer.data(), buffer.size());
    if (size == 0) return left == 0;
    if (size < 0 || size > left) return false;
    if (archive_write_data(writer, buffer.data(), static_cast<std::size_t>(size)) != size) ::_exit(1);
    left -= size;
  }
  return false;
}

class Conversion {
 public:
  explicit Conversion(std::int64_t limit) : left_(limit), limit_(limit) {}

  int run() {
    archive_read_support_format_zip_seekable(reader_.get());
    archive_write_set_format_pax_restricted(writer_.get());
    archive_write_set_bytes_in_last_block(writer_.get(), 1);
    if (archive_read_open_fd(reader_.get(), STDIN_FILENO, 64 * 1024) != ARCHIVE_OK) return refuse("");
    if (archive_write_open_fd(writer_.get(), STDOUT_FILENO) != ARCHIVE_OK) return 1;
    archive_entry* entry = nullptr;
    int header = ARCHIVE_OK;
    while ((header = archive_read_next_header(reader_.get(), &entry)) == ARCHIVE_OK ||
           header == ARCHIVE_WARN) {
      if (++entries_ > kMaxEntries) return refuse("The archive has more than 100000 entries.");
      if (const int status = take(entry); status != 0) return status;
    }
    if (header != ARCHIVE_EOF) return refuse("");
    if (entries_ == 0) return refuse("Uploaded file must be a non-empty zip");
    return archive_write_close(writer_.get()) == ARCHIVE_OK ? 0 : 1;
  }

 private:
  /// 0, or the exit status.
  int take(archive_entry* entry) {
    const char* raw = archive_entry_pathname(entry);
    if (raw == nullptr) return refuse("");
    const std::string path = raw;
    if (!caisson::runner::is_inner_path(path)) {
      return refuse("The archive has the entry \"" + path.substr(0, 200) + "\", which lies outside of it.");
    }
    const auto type = archive_entry_filetype(entry);
    if (type == AE_IFREG) return take_file(entry, path);
    if (type == AE_IFDIR) return take_other(path, AE_IFDIR, 0755, "");
    if (type == AE_IFLNK) {
      const char* target = archive_entry_symlink(entry);
      if (target == nullptr || !caisson::runner::is_inner_link(path, target)) {
        return refuse("The archive's symbolic link \"" + path.substr(0, 200) + "\" points outside of it.");
      }
      return take_other(path, AE_IFLNK, 0777, target);
    }
    return refuse("The archive's entry \"" + path.substr(0, 200) +
                  "\" is neither a file, a folder nor a link.");
  }

  int take_other(const std::string& path, unsigned type, unsigned mode, const std::string& target) {
    const Entry made = make(path, type, mode);
    if (type == AE_IFLNK) archive_entry_set_symlink(made.get(), target.c_str());
    return archive_write_header(writer_.get(), made.get()) == ARCHIVE_OK ? 0 : 1;
  }

  int take_file(archive_entry* entry, const std::string& path) {
    // A streamed ZIP may not know the size in its local header; the seekable reader takes the central one.
    if (archive_entry_size_is_set(entry) == 0) return refuse("");
    const std::int64_t size = archive_entry_size(entry);
    if (size < 0) return refuse("");
    if (size > left_) {
      return refuse("Unzipped size must be smaller than " + std::to_string(limit_) + " bytes");
    }
    left_ -= size;
    const Entry made = make(path, AE_IFREG, (archive_entry_perm(entry) & 0111) != 0 ? 0755 : 0644);
    archive_entry_set_size(made.get(), size);
    if (archive_write_header(writer_.get(), made.get()) != ARCHIVE_OK) return 1;
    return copy_data(reader_.get(), writer_.get(), size) ? 0 : refuse("");
  }

  struct FreeEntry {
    void operator()(archive_entry* entry) const { archive_entry_free(entry); }
  };
  using Entry = std::unique_ptr<archive_entry, FreeEntry>;

  /// Only name, kind and permission are taken over: no owners, no times, no attributes.
  static Entry make(const std::string& path, unsigned type, unsigned mode) {
    Entry made(archive_entry_new());
    archive_entry_set_pathname(made.get(), path.c_str());
    archive_entry_set_filetype(made.get(), type);
    archive_entry_set_perm(made.get(), mode);
    archive_entry_set_mtime(made.get(), 0, 0);
    return made;
  }

  Reader reader_{archive_read_new()};
  Writer writer_{archive_write_new()};
  std::int64_t left_;
  std::int64_t limit_;
  int entries_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::int64_t limit = 0;
  if (argc != 2) return 1;
  const std::string_view number = argv[1];
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), limit);
  if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size() || limit <= 0) return 1;
  if (!confine()) return 1;
  return Conversion(limit).run();
}
