// Ethernet addresses.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caisson {

/// Six bytes in the order in which they are sent.
struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  /// "02:00:00:00:00:01", lower or upper case.
  static std::optional<MacAddress> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  auto operator<=>(const MacAddress&) const = default;
};

}  // namespace caisson
