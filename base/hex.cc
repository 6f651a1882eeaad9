#include "base/hex.hh"

#include <sys/random.h>

#include <array>
#include <cstdlib>

namespace caisson {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

std::array<unsigned char, 16> random_bytes() {
  std::array<unsigned char, 16> bytes{};
  // 16 bytes are never short and never interrupted (getrandom(2)).
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  return bytes;
}

}  // namespace

std::string to_hex(std::span<const unsigned char> bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0x0fU];
  }
  return text;
}

bool from_hex(std::string_view text, std::span<unsigned char> bytes) {
  if (text.size() != 2 * bytes.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto value = kDigits.find(text[i]);
    if (value == std::string_view::npos) return false;
    bytes[i / 2] = static_cast<unsigned char>(bytes[i / 2] << 4U | value);
  }
  return true;
}

std::string random_hex() {
  return to_hex(random_bytes());
}

std::string random_uuid() {
  auto bytes = random_bytes();
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0fU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3fU) | 0x80U);
  std::string text = to_hex(bytes);
  for (const std::size_t at : {8U, 13U, 18U, 23U})
    text.insert(at, 1, '-');
  return text;
}

}  // namespace caisson
