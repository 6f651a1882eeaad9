// Bytes as lower-case hexadecimal text, and random ones.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace caisson {

/// Two digits a byte.
std::string to_hex(std::span<const unsigned char> bytes);
/// Fills `bytes` from twice as many digits; false, with `bytes` in any state: there are more or fewer, or others.
[[nodiscard]] bool from_hex(std::string_view text, std::span<unsigned char> bytes);

/// 32 digits from getrandom(2).
std::string random_hex();
/// A random UUID, version 4 (RFC 4122).
std::string random_uuid();

}  // namespace caisson
