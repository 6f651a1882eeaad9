// The elements of a statement, each from its JSON to its checked form. Errors: InvalidPolicyDocument.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "policies/policy.hh"

namespace caisson::policies {

/// Begins the sentence that a caller reads.
Error invalid(const std::string& what);

Result<Principals> read_principals(const nlohmann::json& json);
Result<std::vector<Pattern>> read_actions(const nlohmann::json& json);
/// An ARN with fewer than six fields has "*" for those that it lacks.
Result<std::vector<Pattern>> read_resources(const nlohmann::json& json, bool variables);
Result<std::vector<Condition>> read_conditions(const nlohmann::json& json, bool variables);

}  // namespace caisson::policies
