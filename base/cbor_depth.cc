#include "base/cbor_depth.hh"

#include <cstdint>
#include <optional>
#include <vector>

namespace caisson {
namespace {

struct Head {
  unsigned major = 0;
  std::uint64_t argument = 0;
};

/// RFC 8949 section 3; nullopt also for indefinite lengths.
std::optional<Head> take_head(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const auto initial = static_cast<std::uint8_t>(rest.front());
  rest.remove_prefix(1);
  Head head{.major = static_cast<unsigned>(initial >> 5U), .argument = initial & 31U};
  if (head.argument < 24) return head;
  if (head.argument > 27) return std::nullopt;
  const std::size_t size = std::size_t{1} << (head.argument - 24);
  if (rest.size() < size) return std::nullopt;
  head.argument = 0;
  for (const char byte : rest.substr(0, size))
    head.argument = head.argument << 8U | static_cast<std::uint8_t>(byte);
  rest.remove_prefix(size);
  return head;
}

}  // namespace

bool cbor_too_deep(std::string_view bytes, std::size_t levels) {
  enum Major : unsigned { kBytes = 2, kText = 3, kArray = 4, kMap = 5, kTag = 6 };
  std::vector<std::uint64_t> left = {1};  // items still to come, of each open array or map
  while (!left.empty()) {
    if (left.back() == 0) {
      left.pop_back();
      continue;
    }
    --left.back();
    const auto head = take_head(bytes);
    if (!head || head->major == kTag) return true;
    if (head->major == kBytes || head->major == kText) {
      if (head->argument > bytes.size()) return true;
      bytes.remove_prefix(head->argument);
    } else if (head->major == kArray || head->major == kMap) {
      // Each item takes a byte at least.
      if (head->argument > bytes.size() || left.size() > levels) return true;
      left.push_back(head->major == kMap ? 2 * head->argument : head->argument);
    }
  }
  return !bytes.empty();
}

}  // namespace caisson
