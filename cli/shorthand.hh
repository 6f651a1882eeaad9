// The AWS CLI's shorthand: Name=vpc-id,Values=a,b and ResourceType=vpc,Tags=[{Key=Name,Value=shop}].
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.hh"

namespace caisson::cli {

/// An object whose leaves are strings. Values that follow one key, separated by commas, are a list. Texts
/// with commas are quoted ("a,b" or 'a,b') or have a backslash in front of them. Error Usage.
Result<nlohmann::json> parse_shorthand(const std::string& text);

}  // namespace caisson::cli
