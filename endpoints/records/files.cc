#include "endpoints/records/files.hh"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>

#include "base/fd.hh"

namespace caisson::endpoints {
namespace {

struct FolderCloser {
  void operator()(DIR* folder) const { (void)::closedir(folder); }
};

std::optional<unsigned> number_of(std::string_view name) {
  const std::string_view base = kRequestsFile;
  if (!name.starts_with(base)) return std::nullopt;
  name.remove_prefix(base.size());
  if (name.empty()) return 0;
  if (name.front() != '.') return std::nullopt;
  name.remove_prefix(1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  return whole && number > 0 && name == std::to_string(number) ? std::optional(number) : std::nullopt;
}

}  // namespace

std::string requests_file(unsigned number) {
  return number == 0 ? kRequestsFile : kRequestsFile + ("." + std::to_string(number));
}

Result<std::vector<unsigned>> requests_files(int folder) {
  // A descriptor of its own: the place in a folder belongs to the open file.
  Fd own = Fd::own(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own) return Error::system(errno, "read", "the folder of the requests' records");
  const std::unique_ptr<DIR, FolderCloser> entries(::fdopendir(own.get()));
  if (!entries) return Error::system(errno, "read", "the folder of the requests' records");
  (void)std::move(own).release();
  std::vector<unsigned> numbers;
  while (const dirent* entry = ::readdir(entries.get())) {
    if (const auto number = number_of(entry->d_name)) numbers.push_back(*number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

}  // namespace caisson::endpoints
