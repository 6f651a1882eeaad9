#include "base/log.hh"

#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/request_scope.hh"

namespace caisson::log {
namespace {

std::string time_text(std::chrono::system_clock::time_point time) {
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch());
  const std::time_t seconds = since.count() / 1'000'000;
  tm parts{};
  (void)::gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  (void)std::snprintf(text.data() + length, text.size() - length, ".%06dZ",
                      static_cast<int>(since.count() % 1'000'000));
  return text.data();
}

std::string json_text(const Line& line) {
  nlohmann::ordered_json members{{"time", time_text(line.time)},
                                 {"level", line.level},
                                 {"program", line.program},
                                 {"thread", line.thread}};
  if (!line.request_id.empty()) members["request_id"] = line.request_id;
  members["message"] = line.message;
  return members.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string plain_text(const Line& line, bool journal) {
  std::string text = journal ? "" : "[" + time_text(line.time) + "] [" + std::string(line.program) + "] ";
  text += "[" + std::string(line.level) + "] ";
  if (!line.request_id.empty()) text += "[" + std::string(line.request_id) + "] ";
  for (const char c : line.message)
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return text;
}

int priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return 7;
    case spdlog::level::warn:
      return 4;
    case spdlog::level::err:
      return 3;
    case spdlog::level::critical:
      return 2;
    case spdlog::level::info:
    case spdlog::level::off:
    case spdlog::level::n_levels:
      break;
  }
  return 6;
}

/// Runs on the thread that logs, as the sinks are not asynchronous: the request is that thread's.
class Formatter final : public spdlog::formatter {
 public:
  Formatter(Format format, bool journal) : format_(format), journal_(journal) {}
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto level = spdlog::level::to_string_view(message.level);
    const std::string line = format_line(format_,
                                         {.time = message.time,
                                          .level = {level.data(), level.size()},
                                          .priority = priority_of(message.level),
                                          .program = {message.logger_name.data(), message.logger_name.size()},
                                          .thread = message.thread_id,
                                          .request_id = current_request_id(),
                                          .message = {message.payload.data(), message.payload.size()}},
                                         journal_);
    out.append(line.data(), line.data() + line.size());
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<Formatter>(format_, journal_);
  }

 private:
  Format format_;
  bool journal_;
};

/// systemd.exec(5), JOURNAL_STREAM: device and inode of the journal's stream; standard error may be another file.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

}  // namespace

std::string format_line(Format format, const Line& line, bool journal) {
  std::string text = journal ? "<" + std::to_string(line.priority) + ">" : "";
  text += format == Format::kJson ? json_text(line) : plain_text(line, journal);
  text += '\n';
  return text;
}

Status set_up(const Settings& settings) {
  if (settings.format != "text" && settings.format != "json") {
    return Error{.code = "BadOption", .message = "--log-format is text or json, not " + settings.format};
  }
  const auto level = spdlog::level::from_str(settings.level);
  if (level == spdlog::level::off && settings.level != "off") {
    return Error{
        .code = "BadOption",
        .message = "--log-level is trace, debug, info, warn, error, critical or off, not " + settings.level};
  }
  const auto format = settings.format == "json" ? Format::kJson : Format::kText;
  auto logger =
      std::make_shared<spdlog::logger>(settings.program, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::make_unique<Formatter>(format, stderr_is_journal()));
  logger->set_level(level);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  return ok();
}

}  // namespace caisson::log
