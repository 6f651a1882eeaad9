// Replies as text for people. With --json they are shown as they came.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace caisson::cli {

/// Columns as wide as their longest cell, two spaces between them; "" when there are no rows.
std::string table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

/// Any reply: a list of resources as a table of their main members, anything else as indented lines.
std::string reply_text(const nlohmann::json& reply);

/// The replies of the inspections.
std::string describe_text(const nlohmann::json& reply);
std::string flows_text(const nlohmann::json& reply);
std::string drops_text(const nlohmann::json& reply);
std::string plan_text(const nlohmann::json& reply);

}  // namespace caisson::cli
