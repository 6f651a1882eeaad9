// QMP (docs/interop/qmp-spec.txt of QEMU) as values: one JSON object a line. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hh"

namespace caisson::vmm::qmp {

/// A line longer than this is refused: no answer to a command that we send comes near it.
inline constexpr std::size_t kMaxLineBytes = 256 * 1024;

struct Greeting {};
struct Return {
  std::int64_t id = 0;
  std::string value;  ///< JSON text
};
struct Failure {
  std::int64_t id = 0;
  std::string error_class;
  std::string description;
};
struct Event {
  std::string name;
  std::string data;  ///< JSON text, "{}" where there is none
};
using Message = std::variant<Greeting, Return, Failure, Event>;

/// A command's line, newline included.
std::string encode(std::string_view command, const nlohmann::json& arguments, std::int64_t id);

/// Errors: "MalformedMessage".
Result<Message> decode(std::string_view line);

/// A text member of an event's data; empty when it has no such text, whatever the data is.
std::string text_in(std::string_view data, const char* name);

/// Cuts a stream of bytes into lines. After an error it stays in error.
class LineReader {
 public:
  void feed(std::string_view bytes) { buffer_ += bytes; }
  /// The next whole line without its end; nullopt: more bytes are needed. Errors: "MalformedMessage" when a
  /// line is longer than kMaxLineBytes.
  Result<std::optional<std::string>> next();

 private:
  std::string buffer_;
};

}  // namespace caisson::vmm::qmp
