#include "vpc/apply/text.hh"

#include <algorithm>
#include <string_view>

namespace caisson::vpc {

Status check_text(const std::string& parameter, const std::string& text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/()#,@[]+=&;{}!$*";
  if (text.size() <= 255 && text.find_first_not_of(kAllowed) == std::string::npos) return ok();
  return Error{.code = "InvalidParameterValue",
               .message = "Value for parameter " + parameter +
                          " is invalid. At most 255 characters from the following set are allowed: "
                          "a-zA-Z0-9, spaces, and ._-:/()#,@[]+=&;{}!$*"};
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

}  // namespace caisson::vpc
