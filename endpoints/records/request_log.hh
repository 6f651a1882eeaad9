// The requests' records on disk: lines that are appended to one file, which is renamed when it is full; so many old ones are
// kept. What is there is bounded by the limits, whatever clients do.
//
// A line is written with one call into the page cache and never synced: it outlives the daemon, not the machine. A disk that
// is full, or anything else that keeps a line from being written, costs the line, is counted and logged, and no more: requests
// go on, and the next record is tried again. What was written of a line before the disk was full stays; the next line begins
// on its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.hh"
#include "base/result.hh"
#include "endpoints/proxy/parties.hh"

namespace caisson::endpoints {

struct RequestLogLimits {
  std::uint64_t file_bytes = 32U << 20;  ///< of a file; a longer line has one to itself
  unsigned old_files = 7;                ///< at least 1
};

struct RequestLogStats {
  std::uint64_t written = 0;  ///< lines
  std::uint64_t lost = 0;
  std::uint64_t bytes = 0;  ///< of the file that grows
  bool failing = false;     ///< the last one was lost
};

/// One thread at a time; one process for a folder.
class RequestLog {
 public:
  /// Goes on where the last one ended. `folder` is there and the process's own; the log never asks for its path again.
  /// Errors: those of opening it, and of removing what exceeds the limits.
  static Result<RequestLog> open(const std::string& folder, RequestLogLimits limits = {});

  void write(const Record& record);
  [[nodiscard]] RequestLogStats stats() const;

 private:
  RequestLog(Fd folder, RequestLogLimits limits) : folder_(std::move(folder)), limits_(limits) {}
  Status open_file();
  Status rotate();
  Status append(std::string_view line);

  Fd folder_;
  RequestLogLimits limits_;
  Fd file_;
  std::uint64_t size_ = 0;
  bool torn_ = false;  ///< the file does not end with a line's end
  RequestLogStats stats_;
  std::uint64_t lost_before_ = 0;  ///< when the last failure began
};

}  // namespace caisson::endpoints
