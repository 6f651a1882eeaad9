#include "cli/requests/reader.hh"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "endpoints/records/files.hh"

namespace caisson::cli {

using endpoints::requests_file;

Result<RequestReader> RequestReader::open(const std::string& folder) {
  RequestReader reader;
  reader.folder_ = Fd::own(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!reader.folder_) return Error::system(errno, "open", folder);
  // Before the first read: what comes after it is told.
  reader.changes_ = Fd::own(::inotify_init1(IN_CLOEXEC));
  if (!reader.changes_) return Error::system(errno, "watch", folder);
  if (::inotify_add_watch(reader.changes_.get(), folder.c_str(),
                          IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0)
    return Error::system(errno, "watch", folder);
  return reader;
}

/// Those that were made after the current one, the oldest first. Numbers are opened from the youngest file's on: names move to
/// greater ones meanwhile, so one may come twice, but none is missed. A folder that is read while names change may lack some of
/// them, so each number is tried up to the greatest that was seen, and beyond until two in a row are free.
Result<std::vector<RequestReader::File>> RequestReader::newer() const {
  TRY(const auto numbers, endpoints::requests_files(folder_.get()));
  const unsigned greatest = numbers.empty() ? 0 : numbers.back();
  std::vector<File> files;
  unsigned free = 0;
  for (unsigned number = 0; number <= greatest || free < 2; ++number) {
    TRY(auto found, open_file(number));
    free = found.file ? 0 : free + 1;
    if (!found.file) continue;
    const auto is_it = [&](const File& other) {
      return other.file && other.device == found.device && other.inode == found.inode;
    };
    if (is_it(current_)) break;
    if (std::ranges::none_of(files, is_it)) files.push_back(std::move(found));
  }
  std::ranges::reverse(files);
  return files;
}

/// Empty where there is none.
Result<RequestReader::File> RequestReader::open_file(unsigned number) const {
  const std::string name = requests_file(number);
  File found{.file = Fd::own(::openat(folder_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW))};
  if (!found.file) {
    if (errno == ENOENT) return found;
    return Error::system(errno, "open", name);
  }
  struct stat status {};
  if (::fstat(found.file.get(), &status) != 0) return Error::system(errno, "look at", name);
  found.device = status.st_dev;
  found.inode = status.st_ino;
  return found;
}

Status RequestReader::read_file(const std::function<void(std::string_view)>& take) {
  std::array<char, 65'536> piece{};
  while (true) {
    const auto got = ::read(current_.file.get(), piece.data(), piece.size());
    if (got < 0) return Error::system(errno, "read", "the requests' records");
    if (got == 0) return ok();
    rest_.append(piece.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
      if (end > begin) take(std::string_view(rest_).substr(begin, end - begin));
      begin = end + 1;
    }
    rest_.erase(0, begin);
  }
}

Status RequestReader::read(const std::function<void(std::string_view)>& take) {
  // In this order: when there is a newer one, nothing is added to the current one any more.
  TRY(auto files, newer());
  if (current_.file) {
    TRYV(read_file(take));
  }
  for (auto& file : files) {
    current_ = std::move(file);
    rest_.clear();
    TRYV(read_file(take));
  }
  return ok();
}

Status RequestReader::wait() {
  std::array<char, 4096> events{};
  while (::read(changes_.get(), events.data(), events.size()) < 0) {
    if (errno != EINTR) return Error::system(errno, "wait for", "requests");
  }
  return ok();
}

}  // namespace caisson::cli
