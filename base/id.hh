// Resource ids: "<prefix>-" and 17 lower-case hexadecimal digits, as EC2 makes them.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caisson {

/// Well-formed with this prefix? 8 digits (EC2's old ids) are accepted as input, too.
bool is_well_formed_id(std::string_view text, std::string_view prefix);

/// "<prefix>-0" and the 16 digits of `number`: ids that Caisson makes always begin with 0, as EC2's do.
std::string make_id(std::string_view prefix, std::uint64_t number);

/// A strong id type: `struct VpcTag { static constexpr std::string_view prefix = "vpc"; }; using VpcId =
/// Id<VpcTag>;`
template <class Tag>
class Id {
 public:
  Id() = default;
  static std::optional<Id> parse(std::string_view text) {
    if (!is_well_formed_id(text, Tag::prefix)) return std::nullopt;
    return Id(std::string(text));
  }
  static constexpr std::string_view prefix() { return Tag::prefix; }
  static Id make(std::uint64_t number) { return Id(make_id(Tag::prefix, number)); }

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  explicit Id(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace caisson
