#include "base/mac.hh"

#include <charconv>
#include <cstdio>

namespace caisson {

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  MacAddress mac;
  for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
    const char* first = text.data() + i * 3;
    if (i > 0 && *(first - 1) != ':') return std::nullopt;
    const auto [end, error] = std::from_chars(first, first + 2, mac.bytes[i], 16);
    if (error != std::errc{} || end != first + 2) return std::nullopt;
  }
  return mac;
}

std::string MacAddress::text() const {
  char buffer[18];
  std::snprintf(buffer, sizeof buffer, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2],
                bytes[3], bytes[4], bytes[5]);
  return buffer;
}

}  // namespace caisson
