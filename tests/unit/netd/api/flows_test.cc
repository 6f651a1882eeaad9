#include "netd/api/flows.hh"

#include <gmock/gmock.h>

namespace caisson::netd::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Json flow(const std::string& interface, int source_port, const std::string& action = "ACCEPT") {
  return {{"NetworkInterfaceId", interface},
          {"Direction", "egress"},
          {"Protocol", 6},
          {"Source", "10.0.0.5"},
          {"SourcePort", source_port},
          {"Destination", "10.0.0.9"},
          {"DestinationPort", 80},
          {"Action", action},
          {"Reason", action == "ACCEPT" ? "OK" : "SG_EGRESS"},
          {"RuleId", "sgr-1"},
          {"Endpoint", ""}};
}

Json flows(std::initializer_list<Json> list) {
  Json all{{"Flows", Json::array()}};
  for (const auto& one : list)
    all["Flows"].push_back(one);
  return all;
}

std::vector<int> ports(const Json& page) {
  std::vector<int> ports;
  for (const auto& one : page.at("Flows"))
    ports.push_back(one.at("SourcePort"));
  return ports;
}

Json filter(const std::string& name, std::vector<std::string> values) {
  return {{"Filters", Json::array({{{"Name", name}, {"Values", values}}})}};
}

TEST(PageOfFlows, HasWhatTheFiltersAdmit) {
  const Json all = flows({flow("eni-b", 2, "REJECT"), flow("eni-a", 1), flow("eni-b", 3)});
  EXPECT_THAT(ports(page_of_flows(all, Json::object()).value()), ElementsAre(1, 2, 3));
  EXPECT_THAT(ports(page_of_flows(all, filter("action", {"REJECT"})).value()), ElementsAre(2));
  EXPECT_THAT(ports(page_of_flows(all, filter("network-interface-id", {"eni-b"})).value()),
              ElementsAre(2, 3));
  EXPECT_THAT(ports(page_of_flows(all, filter("source-port", {"1", "3"})).value()), ElementsAre(1, 3));
  EXPECT_THAT(ports(page_of_flows(all, filter("reason", {"SG*"})).value()), ElementsAre(2));
  EXPECT_EQ(page_of_flows(all, filter("packets", {"1"})).error().code, "InvalidParameterValue");
}

TEST(PageOfFlows, EveryFlowIsInOnePage) {
  Json all = flows({});
  for (int port = 0; port < 12; ++port)
    all["Flows"].push_back(flow("eni-a", 7 * port % 12));
  Json parameters{{"MaxResults", 5}};
  std::vector<int> seen;
  for (const std::size_t wanted : {5U, 5U, 2U}) {
    const Json page = page_of_flows(all, parameters).value();
    EXPECT_EQ(page["Flows"].size(), wanted);
    for (const int port : ports(page))
      seen.push_back(port);
    ASSERT_EQ(page.contains("NextToken"), wanted == 5U);
    if (wanted == 5U) parameters["NextToken"] = page["NextToken"];
  }
  EXPECT_THAT(seen, testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(PageOfFlows, ALastPageThatIsFullIsTheLast) {
  Json all = flows({});
  for (int port = 0; port < 5; ++port)
    all["Flows"].push_back(flow("eni-a", port));
  EXPECT_FALSE(page_of_flows(all, {{"MaxResults", 5}}).value().contains("NextToken"));
  EXPECT_THAT(page_of_flows(flows({}), Json::object()).value().at("Flows"), IsEmpty());
}

TEST(PageOfFlows, RefusesATokenThatIsNone) {
  EXPECT_EQ(page_of_flows(flows({}), {{"NextToken", "eni-a"}}).error().code, "InvalidNextToken");
  EXPECT_EQ(page_of_flows(flows({}), {{"MaxResults", 4}}).error().code, "InvalidParameterValue");
}

}  // namespace
}  // namespace caisson::netd::api
