#include "netd/api/describe.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

/// Another id with the digits of this one: associations are implied by the VPC and are not stored.
std::string derived_id(const std::string& prefix, const std::string& id) {
  return prefix + id.substr(id.find('-'));
}

Json associations(const vpc::State& state, const vpc::RouteTable& table) {
  const auto* vpc = vpc::find(state.vpcs, table.vpc);
  if (vpc == nullptr || vpc->main_route_table != table.id) return Json::array();
  return Json::array({{{"Main", true},
                       {"RouteTableAssociationId", derived_id("rtbassoc", table.id.text())},
                       {"RouteTableId", table.id.text()},
                       {"AssociationState", {{"State", "associated"}}}}});
}

Json to_json(const vpc::State& state, const vpc::RouteTable& table) {
  Json routes = Json::array();
  for (const auto& route : table.routes) {
    if (route.target != vpc::RouteTarget::kLocal) continue;  // the managed segment's is never shown
    routes.push_back({{"DestinationCidrBlock", route.destination.text()},
                      {"GatewayId", "local"},
                      {"Origin", "CreateRouteTable"},
                      {"State", "active"}});
  }
  return {{"Associations", associations(state, table)},
          {"PropagatingVgws", Json::array()},
          {"RouteTableId", table.id.text()},
          {"Routes", std::move(routes)},
          {"Tags", tags_to_json(table.tags)},
          {"VpcId", table.vpc.text()},
          {"OwnerId", table.account.text}};
}

Result<Json> read(const vpc::State& state, const vpc::AccountId& account, const Json& parameters) {
  const Description<vpc::RouteTable> description{
      .ids_member = "RouteTableIds",
      .list_member = "RouteTables",
      .filters = {{"route-table-id", [](const vpc::RouteTable& t) { return Values{t.id.text()}; }},
                  {"vpc-id", [](const vpc::RouteTable& t) { return Values{t.vpc.text()}; }}},
      .to_json = [&state](const vpc::RouteTable& table) { return to_json(state, table); }};
  return describe(state, account, state.route_tables, parameters, description);
}

}  // namespace

std::vector<Operation> route_table_operations() {
  return {{.name = "DescribeRouteTables",
           .doc = "Lists route tables.",
           .example = "--filters Name=vpc-id,Values=vpc-0123456789abcdef0",
           .members = describe_members("RouteTableIds", "route-table-id, vpc-id"),
           .read = read}};
}

}  // namespace caisson::netd::api
