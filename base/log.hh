// The daemons' log: lines on standard error, as text or as JSON, each with the id of its request.
//
// What is logged is written by spdlog's functions; this only says how a line looks. A line holds no payload, no
// variable of a function, no key and no signature: callers log names, ids, codes and durations.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hh"

namespace caisson::log {

enum class Format { kText, kJson };

struct Settings {
  std::string program;  ///< "netd"
  std::string format = "text";
  std::string level = "info";
};

/// Makes the process's logger. Error "BadOption" for a format or level that there isn't; nothing is changed then.
Status set_up(const Settings& settings);

/// One line's values.
struct Line {
  std::chrono::system_clock::time_point time;
  std::string_view level;  ///< "info"
  int priority = 6;        ///< syslog's, 0 to 7
  std::string_view program;
  std::size_t thread = 0;
  std::string_view request_id;  ///< empty: none
  std::string_view message;
};

/// The line with its end. `journal`: journald reads it: the priority stands in front (sd-daemon(3)), and text has no
/// time of its own. JSON has the members time (RFC 3339, UTC, microseconds), level, program, thread, request_id
/// (only when there is one) and message; what is not UTF-8 is replaced. Text is one line, too: control characters
/// are replaced by spaces.
std::string format_line(Format format, const Line& line, bool journal);

}  // namespace caisson::log
