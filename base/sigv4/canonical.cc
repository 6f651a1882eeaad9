#include "base/sigv4/canonical.hh"

#include <algorithm>

namespace caisson::sigv4 {
namespace {

/// RFC 3986, section 2.3.
bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

void append_escaped(std::string& text, char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  text += '%';
  text += kDigits[byte >> 4];
  text += kDigits[byte & 0x0f];
}

/// Escapes all but unreserved characters and `also`.
std::string escaped(std::string_view text, std::string_view also = "") {
  std::string result;
  for (const char c : text) {
    if (is_unreserved(c) || also.find(c) != std::string_view::npos) {
      result += c;
    } else {
      append_escaped(result, c);
    }
  }
  return result;
}

/// The same, but what is an escape already stays.
std::string completed(std::string_view text, std::string_view also = "") {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2]);
    if (escape) {
      result += text.substr(i, 3);
      i += 2;
    } else {
      result += escaped(text.substr(i, 1), also);
    }
  }
  return result;
}

/// The text up to `separator`, which is taken away, too.
std::string_view cut(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const auto part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

/// RFC 3986, section 5.2.4, and empty segments go, too.
std::string without_dot_segments(std::string_view path) {
  const bool directory = path.ends_with('/');
  std::vector<std::string_view> kept;
  while (!path.empty()) {
    const auto segment = cut(path, '/');
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!segment.empty() && segment != ".") {
      kept.push_back(segment);
    }
  }
  std::string result;
  for (const auto segment : kept) {
    result += '/';
    result += segment;
  }
  if (result.empty() || directory) result += '/';
  return result;
}

std::string query_part(std::string_view text) {
  std::string spaced;
  for (const char c : text)
    spaced += c == '+' ? ' ' : c;
  return completed(spaced);
}

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

}  // namespace

std::string canonical_path(std::string_view path, PathRule rule) {
  if (path.empty()) return "/";
  // What does not begin with a slash is no path of ours; it must not become one.
  if (rule == PathRule::kVerbatim || path.front() != '/') return completed(path, "/");
  return escaped(without_dot_segments(path), "/");
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    auto value = cut(query, '&');
    if (value.empty()) continue;
    const auto name = cut(value, '=');
    parameters.emplace_back(query_part(name), query_part(value));
  }
  std::sort(parameters.begin(), parameters.end());
  std::string result;
  for (const auto& [name, value] : parameters) {
    if (!result.empty()) result += '&';
    result += name;
    result += '=';
    result += value;
  }
  return result;
}

std::string canonical_value(std::string_view value) {
  std::string result;
  bool gap = false;
  for (const char c : value) {
    if (is_space(c)) {
      gap = !result.empty();
      continue;
    }
    if (gap) result += ' ';
    gap = false;
    result += c;
  }
  return result;
}

std::string joined(const std::vector<std::string>& names) {
  std::string result;
  for (const auto& name : names) {
    if (!result.empty()) result += ';';
    result += name;
  }
  return result;
}

std::string canonical_request(const Request& request, const std::vector<std::string>& signed_headers,
                              std::string_view payload_hash, PathRule rule) {
  std::string_view query = request.target;
  const auto path = cut(query, '?');
  std::string text =
      request.method + "\n" + canonical_path(path, rule) + "\n" + canonical_query(query) + "\n";
  for (const auto& name : signed_headers) {
    text += name + ":" + canonical_value(request.headers.at(name)) + "\n";
  }
  return text + "\n" + joined(signed_headers) + "\n" + std::string(payload_hash);
}

std::string string_to_sign(std::string_view time, const Scope& scope, std::string_view canonical) {
  return "AWS4-HMAC-SHA256\n" + std::string(time) + "\n" + scope.text() + "\n" + sha256_hex(canonical);
}

}  // namespace caisson::sigv4
