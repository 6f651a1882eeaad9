// JSON of a stranger's, parsed so that all who read it read the same.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace caisson {

/// Why it was not parsed: for the end of a sentence ("it is not JSON").
struct JsonRefusal {
  std::string why;
};

/// Parses, but for what is nested deeper than `levels`, and for an object with a member that comes twice: parsers take
/// the first or the last of them, and what one has judged another may not have meant.
/// `refusal` is set exactly when nothing is returned. Pure; any thread.
std::optional<nlohmann::json> parse_strictly(std::string_view text, std::size_t levels, JsonRefusal& refusal);

}  // namespace caisson
