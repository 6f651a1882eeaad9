#include "runner/api/http.hh"

#include <optional>

namespace caisson::runner {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return decoded;
}

/// The text up to `separator`, which is taken away, too.
std::string_view cut(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

}  // namespace

Target parse_target(std::string_view text) {
  Target target;
  std::string_view path = cut(text, '?');
  while (!path.empty()) {
    const std::string_view part = cut(path, '/');
    if (part.empty()) continue;
    auto decoded = decode(part, false);
    if (!decoded) return {.path = {}, .query = {}, .valid = false};
    target.path.push_back(std::move(*decoded));
  }
  while (!text.empty()) {
    std::string_view value = cut(text, '&');
    const auto name = decode(cut(value, '='), true);
    auto decoded = decode(value, true);
    if (!name || !decoded) return {.path = {}, .query = {}, .valid = false};
    if (!name->empty()) target.query[*name] = std::move(*decoded);
  }
  return target;
}

}  // namespace caisson::runner
