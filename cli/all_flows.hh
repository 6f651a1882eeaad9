// All pages of DescribeFlows.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>

#include "base/result.hh"

namespace caisson::cli {

/// Asks for page after page and answers as if there were one, {"Flows": [...]}; with MaxResults in `parameters` for one
/// page only. Errors: those of `ask`.
Result<nlohmann::json> all_flows(
    const std::function<Result<nlohmann::json>(const nlohmann::json& parameters)>& ask,
    nlohmann::json parameters);

}  // namespace caisson::cli
