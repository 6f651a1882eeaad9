// FunctionConfiguration as the API shows it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "runner/functions/function.hh"

namespace caisson::runner {

/// `qualified`: the caller gave a qualifier, so the ARN bears it. `detail` false (ListFunctions): without State*,
/// LastUpdate*.
nlohmann::json function_configuration(const Function& function, const std::string& region, bool qualified,
                                      bool detail);

}  // namespace caisson::runner
