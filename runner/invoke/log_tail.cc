#include "runner/invoke/log_tail.hh"

#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

namespace caisson::runner {

namespace {

std::string with_two_digits(double value) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.2f", value);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string milliseconds(std::chrono::microseconds duration) {
  return with_two_digits(std::chrono::duration<double, std::milli>(duration).count()) + " ms";
}

}  // namespace

void LogTail::add(std::string_view bytes) {
  if (bytes.size() >= kLogTailBytes) {
    bytes_ = bytes.substr(bytes.size() - kLogTailBytes);
    return;
  }
  bytes_ += bytes;
  if (bytes_.size() > kLogTailBytes) bytes_.erase(0, bytes_.size() - kLogTailBytes);
}

std::string LogTail::take() {
  return std::exchange(bytes_, {});
}

std::string utc_time(std::chrono::system_clock::time_point moment, std::string_view zone) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(moment).time_since_epoch();
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(since).count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  size += static_cast<std::size_t>(
      std::snprintf(text.data() + size, text.size() - size, ".%03d", static_cast<int>(since.count() % 1000)));
  return std::string(text.data(), size).append(zone);
}

std::string start_line(const std::string& request_id, const std::string& version) {
  return "START RequestId: " + request_id + " Version: " + version + "\n";
}

std::string end_line(const std::string& request_id) {
  return "END RequestId: " + request_id + "\n";
}

std::string report_line(const Report& report) {
  std::string line = "REPORT RequestId: " + report.request_id +
                     "\tDuration: " + milliseconds(report.duration) + "\tBilled Duration: " +
                     std::to_string(std::chrono::ceil<std::chrono::milliseconds>(report.duration).count()) +
                     " ms\tMemory Size: " + std::to_string(report.memory_mib) +
                     " MB\tMax Memory Used: " + std::to_string(report.max_memory_mib) + " MB\t";
  if (!report.start.empty())
    line += report.start + " Duration: " + milliseconds(report.start_duration) + "\t";
  if (!report.status.empty()) line += "Status: " + report.status;
  if (!report.error_type.empty()) line += "\tError Type: " + report.error_type;
  return line + "\n";
}

std::string timeout_message(std::chrono::system_clock::time_point now, const std::string& request_id,
                            std::chrono::milliseconds timeout) {
  return utc_time(now, "Z") + " " + request_id + " Task timed out after " +
         with_two_digits(std::chrono::duration<double>(timeout).count()) + " seconds";
}

}  // namespace caisson::runner
