#include "cli/all_flows.hh"

#include <utility>

namespace caisson::cli {

using Json = nlohmann::json;

Result<Json> all_flows(const std::function<Result<Json>(const Json&)>& ask, Json parameters) {
  const bool one = parameters.contains("MaxResults");
  Json flows = Json::array();
  for (;;) {
    TRY(auto page, ask(parameters));
    if (one || !page.contains("Flows")) return page;
    for (auto& flow : page["Flows"])
      flows.push_back(std::move(flow));
    if (!page.contains("NextToken")) return Json{{"Flows", std::move(flows)}};
    parameters["NextToken"] = page["NextToken"];
  }
}

}  // namespace caisson::cli
