#include "vmm/cbor.hh"

#include <limits>
#include <utility>

namespace caisson::vmm::cbor {
namespace {

// Major types, RFC 8949 section 3.1.
enum Major : std::uint8_t { kUnsigned = 0, kNegative = 1, kByteString = 2, kTextString = 3, kMap = 5 };

/// Of all members but the byte strings.
constexpr std::size_t kTypicalBytes = 1024;

void put_head(std::string& out, Major major, std::uint64_t argument) {
  int bytes = 0;
  std::uint8_t info = 0;
  if (argument < 24) {
    info = static_cast<std::uint8_t>(argument);
  } else if (argument <= 0xff) {
    info = 24, bytes = 1;
  } else if (argument <= 0xffff) {
    info = 25, bytes = 2;
  } else if (argument <= 0xffffffff) {
    info = 26, bytes = 4;
  } else {
    info = 27, bytes = 8;
  }
  out.push_back(static_cast<char>(major << 5 | info));
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(argument >> shift));
}

void put_text(std::string& out, const std::string& text) {
  put_head(out, kTextString, text.size());
  out += text;
}

struct Encoder {
  std::string& out;
  void operator()(std::int64_t number) const {
    if (number >= 0) {
      put_head(out, kUnsigned, static_cast<std::uint64_t>(number));
    } else {
      put_head(out, kNegative, static_cast<std::uint64_t>(-(number + 1)));
    }
  }
  void operator()(const std::string& text) const { put_text(out, text); }
  void operator()(const Bytes& bytes) const {
    put_head(out, kByteString, bytes.value.size());
    out += bytes.value;
  }
  void operator()(const TextMap& map) const {
    put_head(out, kMap, map.size());
    for (const auto& [key, value] : map) {
      put_text(out, key);
      put_text(out, value);
    }
  }
};

Error malformed(const char* what) {
  return {.code = "MalformedMessage", .message = std::string("not CBOR of the agent protocol: ") + what};
}

struct Head {
  std::uint8_t major = 0;
  std::uint64_t argument = 0;
};

class Decoder {
 public:
  explicit Decoder(std::string_view body) : rest_(body) {}

  Result<Map> top() {
    TRY(const Head head, take_head());
    if (head.major != kMap) return malformed("no map");
    if (head.argument > kMaxMembers) return malformed("too many members");
    Map map;
    for (std::uint64_t i = 0; i < head.argument; ++i) {
      TRY(auto key, take_text());
      TRY(auto value, take_value());
      if (!map.emplace(std::move(key), std::move(value)).second) return malformed("a member comes twice");
    }
    if (!rest_.empty()) return malformed("bytes follow the map");
    return map;
  }

 private:
  Result<Head> take_head() {
    if (rest_.empty()) return malformed("it ends too early");
    const auto initial = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    Head head{.major = static_cast<std::uint8_t>(initial >> 5),
              .argument = static_cast<std::uint64_t>(initial & 31)};
    if (head.argument < 24) return head;
    if (head.argument > 27) return malformed("indefinite length");
    const std::size_t bytes = std::size_t{1} << (head.argument - 24);
    if (rest_.size() < bytes) return malformed("it ends too early");
    head.argument = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      head.argument = head.argument << 8 | static_cast<std::uint8_t>(rest_[i]);
    rest_.remove_prefix(bytes);
    return head;
  }

  Result<std::string> take_string(std::uint64_t length) {
    if (length > rest_.size()) return malformed("a string is longer than the message");
    std::string text(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return text;
  }

  Result<std::string> take_text() {
    TRY(const Head head, take_head());
    if (head.major != kTextString) return malformed("no text where one must be");
    return take_string(head.argument);
  }

  Result<Value> take_value() {
    TRY(const Head head, take_head());
    switch (head.major) {
      case kUnsigned:
      case kNegative: {
        if (head.argument > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
          return malformed("a huge integer");
        const auto number = static_cast<std::int64_t>(head.argument);
        return Value(head.major == kUnsigned ? number : -1 - number);
      }
      case kByteString: {
        TRY(auto bytes, take_string(head.argument));
        return Value(Bytes{std::move(bytes)});
      }
      case kTextString: {
        TRY(auto text, take_string(head.argument));
        return Value(std::move(text));
      }
      case kMap:
        return take_text_map(head.argument);
      default:
        return malformed("a type that the protocol does not use");
    }
  }

  Result<Value> take_text_map(std::uint64_t size) {
    if (size > kMaxTexts) return malformed("too many texts");
    TextMap map;
    for (std::uint64_t i = 0; i < size; ++i) {
      TRY(auto key, take_text());
      TRY(auto value, take_text());
      if (!map.emplace(std::move(key), std::move(value)).second) return malformed("a member comes twice");
    }
    return Value(std::move(map));
  }

  std::string_view rest_;
};

}  // namespace

std::string encode(const Map& map, std::string prefix) {
  std::string out = std::move(prefix);
  std::size_t largest = 0;
  for (const auto& [key, value] : map) {
    if (const auto* bytes = std::get_if<Bytes>(&value)) largest += bytes->value.size();
  }
  out.reserve(out.size() + largest + kTypicalBytes);
  put_head(out, kMap, map.size());
  for (const auto& [key, value] : map) {
    put_text(out, key);
    std::visit(Encoder{out}, value);
  }
  return out;
}

Result<Map> decode(std::string_view body) {
  return Decoder(body).top();
}

}  // namespace caisson::vmm::cbor
