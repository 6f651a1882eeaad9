#include "base/id.hh"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace caisson {

bool is_well_formed_id(std::string_view text, std::string_view prefix) {
  if (text.size() <= prefix.size() + 1 || !text.starts_with(prefix) || text[prefix.size()] != '-')
    return false;
  const auto digits = text.substr(prefix.size() + 1);
  const bool hex = std::all_of(digits.begin(), digits.end(),
                               [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  return hex && (digits.size() == 17 || digits.size() == 8);
}

std::string make_id(std::string_view prefix, std::uint64_t number) {
  char digits[18];
  std::snprintf(digits, sizeof digits, "0%016" PRIx64, number);
  return std::string(prefix) + "-" + digits;
}

}  // namespace caisson
