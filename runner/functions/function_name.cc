#include "runner/functions/function_name.hh"

#include <algorithm>
#include <vector>

namespace caisson::runner {

namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_account(std::string_view text) {
  return text.size() == 12 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_region(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool is_qualifier(std::string_view text) {
  if (text == "$LATEST") return true;
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, is_name_character);
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t colon = text.find(':');
    parts.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos) return parts;
    text.remove_prefix(colon + 1);
  }
}

/// The parts from the name on: name and perhaps a qualifier.
bool take_tail(const std::vector<std::string_view>& parts, std::size_t at, FunctionName& name) {
  if (parts.size() != at + 1 && parts.size() != at + 2) return false;
  if (!is_function_name(parts[at])) return false;
  name.name = parts[at];
  if (parts.size() == at + 1) return true;
  name.qualifier = parts[at + 1];
  return is_qualifier(name.qualifier);
}

bool take(std::vector<std::string_view> parts, FunctionName& name) {
  if (parts.size() > 3 && parts[0] == "arn" && parts[1].starts_with("aws") && parts[2] == "lambda") {
    parts.erase(parts.begin(), parts.begin() + 3);
    if (!is_region(parts[0])) return false;
  } else if (parts.size() < 3) {
    return take_tail(parts, 0, name);
  }
  std::size_t at = 0;
  if (!is_account(parts[0])) {
    if (!is_region(parts[0])) return false;
    name.region = parts[at++];
  }
  if (parts.size() < at + 3 || !is_account(parts[at]) || parts[at + 1] != "function") return false;
  name.account = parts[at];
  return take_tail(parts, at + 2, name);
}

}  // namespace

bool is_function_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, is_name_character);
}

Result<FunctionName> parse_function_name(std::string_view text) {
  FunctionName name;
  if (text.size() <= 256 && take(split(text), name)) return name;
  return Error{
      .code = "ValidationException",
      .message = "1 validation error detected: Value '" + std::string(text.substr(0, 256)) +
                 "' at 'functionName' failed to satisfy constraint: Member must satisfy regular "
                 "expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?"
                 "(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"};
}

Result<std::string> join_qualifiers(const std::string& in_name, const std::string& in_query) {
  if (in_name.empty() || in_query.empty() || in_name == in_query) return in_name.empty() ? in_query : in_name;
  return Error{
      .code = "InvalidParameterValueException",
      .message = "The derived qualifier from the function name does not match the specified qualifier."};
}

}  // namespace caisson::runner
