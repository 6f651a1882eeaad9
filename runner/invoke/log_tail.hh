// The last bytes of a function's output, and the lines that Lambda adds.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace caisson::runner {

inline constexpr std::size_t kLogTailBytes = 4096;

/// Keeps the last kLogTailBytes of what is added.
class LogTail {
 public:
  void add(std::string_view bytes);
  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] std::string take();

 private:
  std::string bytes_;
};

struct Report {
  std::string request_id;
  std::chrono::microseconds duration{};
  int memory_mib = 0;
  std::int64_t max_memory_mib = 0;
  /// How a cold start came about: "Init" or "Restore"; empty: it was none.
  std::string start;
  std::chrono::microseconds start_duration{};
  std::string status;      ///< "", "timeout" or "error"
  std::string error_type;  ///< for "error"
};

/// "2024-01-31T12:00:00.000" and the zone's text: "Z" for log lines, "+0000" for LastModified.
std::string utc_time(std::chrono::system_clock::time_point moment, std::string_view zone);

std::string start_line(const std::string& request_id, const std::string& version);
std::string end_line(const std::string& request_id);
/// Tab-separated, milliseconds; billed duration is rounded up ("Lambda function log formats").
std::string report_line(const Report& report);
/// "<time> <request id> Task timed out after 3.00 seconds"
std::string timeout_message(std::chrono::system_clock::time_point now, const std::string& request_id,
                            std::chrono::milliseconds timeout);

}  // namespace caisson::runner
