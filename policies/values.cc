#include "policies/values.hh"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "base/ip_block.hh"

namespace caisson::policies {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::optional<bool> parse_bool(std::string_view text) {
  if (equal_ignoring_case(text, "true")) return true;
  if (equal_ignoring_case(text, "false")) return false;
  return std::nullopt;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value != value) return std::nullopt;
  return value;
}

bool numbers_match(Comparison comparison, std::string_view operand, std::string_view value) {
  const auto right = parse_number(operand);
  const auto left = parse_number(value);
  if (!left || !right) return false;
  switch (comparison) {
    case Comparison::kNumericLessThan:
      return *left < *right;
    case Comparison::kNumericLessThanEquals:
      return *left <= *right;
    case Comparison::kNumericGreaterThan:
      return *left > *right;
    case Comparison::kNumericGreaterThanEquals:
      return *left >= *right;
    default:
      return *left == *right;
  }
}

bool bools_match(std::string_view operand, std::string_view value) {
  const auto right = parse_bool(operand);
  return right && parse_bool(value) == right;
}

}  // namespace

bool is_operand(Comparison comparison, std::string_view text) {
  switch (comparison) {
    case Comparison::kNumericEquals:
    case Comparison::kNumericLessThan:
    case Comparison::kNumericLessThanEquals:
    case Comparison::kNumericGreaterThan:
    case Comparison::kNumericGreaterThanEquals:
      return parse_number(text).has_value();
    case Comparison::kBool:
    case Comparison::kNull:
      return parse_bool(text).has_value();
    case Comparison::kIpAddress:
      return is_ip_block(text);
    default:
      return true;
  }
}

bool matches(Comparison comparison, const ResolvedPattern& operand, std::string_view value) {
  switch (comparison) {
    case Comparison::kStringEquals:
    case Comparison::kStringLike:
      return operand.matches(value);
    case Comparison::kStringEqualsIgnoreCase:
      return operand.matches(value, /*ignore_case=*/true);
    case Comparison::kArnLike:
      return operand.matches_arn(value);
    case Comparison::kBool:
      return bools_match(operand.text(), value);
    case Comparison::kIpAddress:
      return ip_block_contains(operand.text(), value);
    case Comparison::kNull:
      return false;
    default:
      return numbers_match(comparison, operand.text(), value);
  }
}

}  // namespace caisson::policies
