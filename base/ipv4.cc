#include "base/ipv4.hh"

#include <arpa/inet.h>

#include <charconv>

namespace caisson {

std::optional<Ipv4Address> Ipv4Address::parse(std::string_view text) {
  in_addr raw{};
  const std::string terminated(text);
  if (terminated.size() != text.size() || terminated.find('\0') != std::string::npos) return std::nullopt;
  if (inet_pton(AF_INET, terminated.c_str(), &raw) != 1) return std::nullopt;
  return Ipv4Address{ntohl(raw.s_addr)};
}

std::string Ipv4Address::text() const {
  const in_addr raw{htonl(value)};
  char buffer[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &raw, buffer, sizeof buffer);
}

Ipv4Cidr::Ipv4Cidr(Ipv4Address address, int length) : length_(length) {
  base_ = Ipv4Address{address.value & mask()};
}

std::optional<Ipv4Cidr> Ipv4Cidr::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = Ipv4Address::parse(text.substr(0, slash));
  const auto digits = text.substr(slash + 1);
  int length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const bool canonical = !digits.empty() && digits.size() <= 2 && (digits.size() == 1 || digits[0] != '0');
  if (!address || !canonical || error != std::errc{} || end != digits.data() + digits.size())
    return std::nullopt;
  if (length < 0 || length > 32) return std::nullopt;
  return Ipv4Cidr(*address, length);
}

std::string Ipv4Cidr::text() const {
  return base_.text() + "/" + std::to_string(length_);
}

}  // namespace caisson
