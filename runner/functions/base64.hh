// RFC 4648 section 4.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace caisson::runner {

/// Standard alphabet with padding; nullopt for anything else (line breaks, too).
std::optional<std::string> decode_base64(std::string_view text);
std::string encode_base64(std::string_view bytes);

}  // namespace caisson::runner
