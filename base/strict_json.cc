#include "base/strict_json.hh"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/json_depth.hh"

namespace caisson {

using Json = nlohmann::json;

std::optional<Json> parse_strictly(std::string_view text, std::size_t levels, JsonRefusal& refusal) {
  if (nested_deeper_than(text, levels)) {
    refusal.why = "it is nested too deeply";
    return std::nullopt;
  }
  std::vector<std::set<std::string>> seen;
  std::string twice;
  const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) seen.emplace_back();
    if (event == Json::parse_event_t::object_end) seen.pop_back();
    if (event == Json::parse_event_t::key && !seen.back().insert(parsed.get<std::string>()).second) {
      twice = "\"" + parsed.get<std::string>() + "\" comes twice";
    }
    return true;
  };
  Json json = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    refusal.why = "it is not JSON";
  } else if (!twice.empty()) {
    refusal.why = twice;
  } else {
    return json;
  }
  return std::nullopt;
}

}  // namespace caisson
