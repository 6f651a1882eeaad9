// The records of requests as endpointd writes them: lines out of files that it renames while they are read.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::cli {

/// Each line once, in the order in which they were written, also of a file that is renamed or removed meanwhile. One thread.
class RequestReader {
 public:
  /// Error ENOENT: there is no such folder, and others of opening and watching it.
  static Result<RequestReader> open(const std::string& folder);

  /// Whole lines, without their ends, that were not read before. Errors: those of reading.
  Status read(const std::function<void(std::string_view)>& take);

  /// Returns when something has changed since the last read(). Errors: those of inotify.
  Status wait();

 private:
  struct File {
    Fd file;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
  };
  RequestReader() = default;
  [[nodiscard]] Result<std::vector<File>> newer() const;
  [[nodiscard]] Result<File> open_file(unsigned number) const;
  Status read_file(const std::function<void(std::string_view)>& take);

  Fd folder_;
  Fd changes_;
  File current_;      ///< held open, so that its number is not another file's meanwhile
  std::string rest_;  ///< of the current file, without a line's end yet
};

}  // namespace caisson::cli
