#include "runner/unzip/conversion.hh"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <memory>
#include <string_view>

#include "runner/unzip/paths.hh"

namespace caisson::runner {
namespace {

constexpr int kMaxEntries = 100'000;

struct FreeRead {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
struct FreeWrite {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
using Reader = std::unique_ptr<archive, FreeRead>;
using Writer = std::unique_ptr<archive, FreeWrite>;

/// Lambda takes files that are stored or deflated. The decoders of other methods get no bytes of a stranger: a hundred
/// of LZMA's can ask for gigabytes.
bool is_deflated_or_stored(archive* reader) {
  const char* format = archive_format_name(reader);  // "ZIP 2.0 (deflation)", of the entry that is being read
  const std::string_view name = format == nullptr ? "" : format;
  return name.ends_with("(deflation)") || name.ends_with("(uncompressed)");
}

/// Copies an entry's data. Refused: the archive is damaged, or has more than it said.
int copy_data(archive* reader, archive* writer, std::int64_t left) {
  std::array<char, 64 * 1024> buffer{};
  while (left >= 0) {
    const la_ssize_t size = archive_read_data(reader, buffer.data(), buffer.size());
    if (size == 0) return left == 0 ? kDone : kRefused;
    if (size < 0 || size > left) return kRefused;
    if (archive_write_data(writer, buffer.data(), static_cast<std::size_t>(size)) != size) return kBroken;
    left -= size;
  }
  return kRefused;
}

class Conversion {
 public:
  Conversion(std::int64_t limit, std::string& reason) : left_(limit), limit_(limit), reason_(reason) {}

  int run(int input, int output) {
    archive_read_support_format_zip_seekable(reader_.get());
    archive_write_set_format_pax_restricted(writer_.get());
    archive_write_set_bytes_in_last_block(writer_.get(), 1);
    if (archive_read_open_fd(reader_.get(), input, 64 * 1024) != ARCHIVE_OK) return refuse("");
    if (archive_write_open_fd(writer_.get(), output) != ARCHIVE_OK) return kBroken;
    archive_entry* entry = nullptr;
    int header = ARCHIVE_OK;
    while ((header = archive_read_next_header(reader_.get(), &entry)) == ARCHIVE_OK ||
           header == ARCHIVE_WARN) {
      if (++entries_ > kMaxEntries) return refuse("The archive has more than 100000 entries.");
      if (const int status = take(entry); status != kDone) return status;
    }
    if (header != ARCHIVE_EOF) return refuse("");
    if (entries_ == 0) return refuse("Uploaded file must be a non-empty zip");
    return archive_write_close(writer_.get()) == ARCHIVE_OK ? kDone : kBroken;
  }

 private:
  int refuse(const std::string& reason) {
    reason_ = reason;
    return kRefused;
  }

  /// The exit status so far.
  int take(archive_entry* entry) {
    const char* raw = archive_entry_pathname(entry);
    if (raw == nullptr) return refuse("");
    const std::string path = raw;
    if (!is_inner_path(path)) {
      return refuse("The archive has the entry \"" + path.substr(0, 200) + "\", which lies outside of it.");
    }
    const auto type = archive_entry_filetype(entry);
    if (!names_.add(path, type == AE_IFDIR)) {
      return refuse("The archive has \"" + path.substr(0, 200) +
                    "\", or a folder that it lies in, as a file and as a folder.");
    }
    if (type == AE_IFREG) return take_file(entry, path);
    if (type == AE_IFDIR) return take_other(path, AE_IFDIR, 0755, "");
    if (type == AE_IFLNK) {
      const char* target = archive_entry_symlink(entry);
      if (target == nullptr || !is_inner_link(path, target)) {
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
    return archive_write_header(writer_.get(), made.get()) == ARCHIVE_OK ? kDone : kBroken;
  }

  int take_file(archive_entry* entry, const std::string& path) {
    if (!is_deflated_or_stored(reader_.get())) return refuse("");
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
    if (archive_write_header(writer_.get(), made.get()) != ARCHIVE_OK) return kBroken;
    return copy_data(reader_.get(), writer_.get(), size);
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
  std::string& reason_;
  int entries_ = 0;
  Names names_;
};

}  // namespace

int zip_to_tar(int input, int output, std::int64_t limit, std::string& reason) {
  return Conversion(limit, reason).run(input, output);
}

}  // namespace caisson::runner
