#include "vmm/qmp_codec.hh"

#include <nlohmann/json.hpp>

#include "base/json_depth.hh"

namespace caisson::vmm::qmp {
namespace {

using nlohmann::json;

/// Of all that QEMU answers to what we ask; dump() recurses.
constexpr std::size_t kDeepest = 16;

Error malformed(const char* what) {
  return {.code = "MalformedMessage", .message = std::string("QMP: ") + what};
}

std::optional<std::int64_t> id_of(const json& message) {
  const auto id = message.find("id");
  if (id == message.end() || !id->is_number_integer()) return std::nullopt;
  return id->get<std::int64_t>();
}

std::string text_of(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Text that QEMU sends need not be UTF-8; dump() must not throw over it.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string encode(std::string_view command, const json& arguments, std::int64_t id) {
  json message = {{"execute", command}, {"id", id}};
  if (!arguments.empty()) message["arguments"] = arguments;
  return dump(message) + "\n";
}

Result<Message> decode(std::string_view line) {
  if (nested_deeper_than(line, kDeepest)) return malformed("the line is nested too deep");
  const json message = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object()) return malformed("the line is no JSON object");
  if (message.contains("QMP")) return Message(Greeting{});
  if (message.contains("event")) {
    const std::string name = text_of(message, "event");
    if (name.empty()) return malformed("an event without a name");
    const auto data = message.find("data");
    return Message(Event{.name = name, .data = data == message.end() ? "{}" : dump(*data)});
  }
  const auto id = id_of(message);
  if (const auto error = message.find("error"); error != message.end()) {
    if (!error->is_object()) return malformed("an error that is no object");
    return Message(Failure{.id = id.value_or(-1),
                           .error_class = text_of(*error, "class"),
                           .description = text_of(*error, "desc")});
  }
  const auto value = message.find("return");
  if (value == message.end()) return malformed("neither greeting, return, error nor event");
  if (!id) return malformed("a return without the id of its command");
  return Message(Return{.id = *id, .value = dump(*value)});
}

std::string text_in(std::string_view data, const char* name) {
  const json object = json::parse(data, nullptr, /*allow_exceptions=*/false);
  return object.is_object() ? text_of(object, name) : std::string();
}

Result<std::optional<std::string>> LineReader::next() {
  const auto end = buffer_.find('\n');
  if (end > kMaxLineBytes && (end != std::string::npos || buffer_.size() > kMaxLineBytes)) {
    return malformed("a line is too long");
  }
  if (end == std::string::npos) return std::optional<std::string>();
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return std::optional<std::string>(std::move(line));
}

}  // namespace caisson::vmm::qmp
