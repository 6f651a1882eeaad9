#include "endpoints/resolvers.hh"

#include <spdlog/spdlog.h>

#include <fstream>
#include <sstream>

namespace caisson::endpoints {
namespace {

Result<dns::Resolver> parse_resolver(const std::string& text) {
  const auto colon = text.find(':');
  const auto address = Ipv4Address::parse(text.substr(0, colon));
  const std::string port = colon == std::string::npos ? "53" : text.substr(colon + 1);
  if (!address || port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string::npos || std::stoul(port) - 1 > 65534) {
    return Error{.code = "BadOption",
                 .message = "--resolver wants ADDRESS[:PORT] with an IPv4 address, not " + text};
  }
  return dns::Resolver{*address, static_cast<std::uint16_t>(std::stoul(port))};
}

std::vector<dns::Resolver> resolvers_of_host() {
  std::vector<dns::Resolver> resolvers;
  std::ifstream file("/etc/resolv.conf");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string keyword;
    std::string value;
    words >> keyword >> value;
    const auto address = Ipv4Address::parse(value);
    if (keyword == "nameserver" && address) resolvers.push_back({*address});
  }
  return resolvers;
}

}  // namespace

Result<std::vector<dns::Resolver>> choose_resolvers(const std::vector<std::string>& texts) {
  std::vector<dns::Resolver> resolvers;
  for (const auto& text : texts) {
    TRY(const auto resolver, parse_resolver(text));
    resolvers.push_back(resolver);
  }
  if (texts.empty()) resolvers = resolvers_of_host();
  if (resolvers.empty()) spdlog::warn("no resolver is known: names of other zones are not answered");
  return resolvers;
}

}  // namespace caisson::endpoints
