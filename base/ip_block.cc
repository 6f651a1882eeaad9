#include "base/ip_block.hh"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <optional>
#include <string>

namespace caisson {
namespace {

namespace ip = boost::asio::ip;

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

}  // namespace

bool is_ip_block(std::string_view text) {
  return parse_v4(text).has_value() || parse_v6(text).has_value();
}

bool ip_block_contains(std::string_view block, std::string_view value) {
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

}  // namespace caisson
