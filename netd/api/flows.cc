#include "netd/api/flows.hh"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include "netd/api/describe.hh"
#include "netd/api/parameters.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

constexpr std::array<std::pair<std::string_view, const char*>, 11> kFilters{{
    {"action", "Action"},
    {"destination", "Destination"},
    {"destination-port", "DestinationPort"},
    {"direction", "Direction"},
    {"endpoint", "Endpoint"},
    {"network-interface-id", "NetworkInterfaceId"},
    {"protocol", "Protocol"},
    {"reason", "Reason"},
    {"rule-id", "RuleId"},
    {"source", "Source"},
    {"source-port", "SourcePort"},
}};
// What tells flows apart.
constexpr std::array kKey{"NetworkInterfaceId", "Direction",   "Protocol",        "Source",
                          "SourcePort",         "Destination", "DestinationPort", "Action"};

const char* member_of(std::string_view filter) {
  const auto* const found = std::find_if(kFilters.begin(), kFilters.end(),
                                         [&](const auto& known) { return known.first == filter; });
  return found == kFilters.end() ? nullptr : found->second;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string key_of(const Json& flow) {
  std::string key;
  for (const char* member : kKey)
    key += (key.empty() ? "" : "/") + text_of(flow.at(member));
  return key;
}

}  // namespace

std::vector<Member> flows_members() {
  std::string names;
  for (const auto& [name, member] : kFilters)
    names += (names.empty() ? "" : ", ") + std::string(name);
  Member filters = filters_member("");
  filters.doc = "All must match: " + names + ".";
  return {std::move(filters), optional("MaxResults", integer_shape(), "Size of a page, 5 to 1000."),
          optional("NextToken", string_shape(), "The NextToken of the page before.")};
}

Result<Json> page_of_flows(Json reply, const Json& parameters) {
  Json rest = parameters;
  rest.erase("NextToken");
  TRY(const auto query,
      Query::parse(rest, "", "", [](const std::string& name) { return member_of(name) != nullptr; }));
  const std::string after = text_or_empty(parameters, "NextToken");
  if (!after.empty() && std::count(after.begin(), after.end(), '/') + 1 != std::ssize(kKey))
    return Error{.code = "InvalidNextToken", .message = "The token '" + after + "' is invalid"};
  std::map<std::string, Json*> admitted;
  for (Json& flow : reply.at("Flows")) {
    const auto values = [&](const std::string& name) { return Values{text_of(flow.at(member_of(name)))}; };
    std::string key = key_of(flow);
    if (key > after && query.admits(values, {})) admitted.emplace(std::move(key), &flow);
  }
  Json page{{"Flows", Json::array()}};
  for (const auto& [key, flow] : admitted) {
    page["Flows"].push_back(std::move(*flow));
    if (page["Flows"].size() < query.page_size()) continue;
    if (key != admitted.rbegin()->first) page["NextToken"] = key;
    break;
  }
  return page;
}

}  // namespace caisson::netd::api
