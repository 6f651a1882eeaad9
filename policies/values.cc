#include "policies/values.hh"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <cctype>
#include <charconv>
#include <optional>

namespace caisson::policies {
namespace {

namespace ip = boost::asio::ip;

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

template <class Network, class Address>
bool network_contains(const Network& network, const Address& address) {
  return Network(address, network.prefix_length()).canonical() == network.canonical();
}

/// An address is a block of one.
template <class Network, class Parse, class ParseAddress>
std::optional<Network> parse_block(std::string_view text, int all, Parse parse, ParseAddress parse_address) {
  boost::system::error_code error;
  const std::string whole(text);
  if (text.find('/') == std::string_view::npos) {
    const auto address = parse_address(whole, error);
    if (error) return std::nullopt;
    return Network(address, static_cast<unsigned short>(all));
  }
  const auto network = parse(whole, error);
  if (error) return std::nullopt;
  return network;
}

std::optional<ip::network_v4> parse_v4(std::string_view text) {
  return parse_block<ip::network_v4>(
      text, 32, [](const std::string& t, auto& error) { return ip::make_network_v4(t, error); },
      [](const std::string& t, auto& error) { return ip::make_address_v4(t, error); });
}

std::optional<ip::network_v6> parse_v6(std::string_view text) {
  return parse_block<ip::network_v6>(
      text, 128, [](const std::string& t, auto& error) { return ip::make_network_v6(t, error); },
      [](const std::string& t, auto& error) { return ip::make_address_v6(t, error); });
}

bool block_contains(std::string_view block, std::string_view value) {
  boost::system::error_code error;
  const auto address = ip::make_address(std::string(value), error);
  if (error) return false;
  if (address.is_v4()) {
    const auto network = parse_v4(block);
    return network && network_contains(*network, address.to_v4());
  }
  const auto network = parse_v6(block);
  return network && network_contains(*network, address.to_v6());
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
      return parse_v4(text).has_value() || parse_v6(text).has_value();
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
      return block_contains(operand.text(), value);
    case Comparison::kNull:
      return false;
    default:
      return numbers_match(comparison, operand.text(), value);
  }
}

}  // namespace caisson::policies
