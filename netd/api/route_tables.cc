#include "netd/api/describe.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

using Table = vpc::RouteTable;

bool is_main(const vpc::State& state, const Table& table) {
  const auto* vpc = vpc::find(state.vpcs, table.vpc);
  return vpc != nullptr && vpc->main_route_table == table.id;
}

/// The subnets that the table is associated with.
std::vector<const vpc::Subnet*> subnets_of(const vpc::State& state, const Table& table) {
  std::vector<const vpc::Subnet*> subnets;
  for (const auto& [id, subnet] : state.index.in(table.vpc).subnets) {
    if (subnet->route_table && subnet->route_table->table == table.id) subnets.push_back(subnet.get());
  }
  return subnets;
}

Json association(const Table& table, const vpc::RouteTableAssociationId& id, bool main) {
  return {{"Main", main},
          {"RouteTableAssociationId", id.text()},
          {"RouteTableId", table.id.text()},
          {"AssociationState", {{"State", "associated"}}}};
}

Json associations(const vpc::State& state, const Table& table) {
  Json list = Json::array();
  if (is_main(state, table)) list.push_back(association(table, main_association(table.id), true));
  for (const auto* subnet : subnets_of(state, table)) {
    list.push_back(association(table, subnet->route_table->id, false));
    list.back()["SubnetId"] = subnet->id.text();
  }
  return list;
}

Json route_json(const vpc::State& state, const Table& table, const vpc::Route& route) {
  const auto* vpc = vpc::find(state.vpcs, table.vpc);
  const bool local = vpc != nullptr && vpc->cidr == route.destination;
  Json json{{"DestinationCidrBlock", route.destination.text()},
            {"Origin", local ? "CreateRouteTable" : "CreateRoute"},
            {"State", "active"}};
  if (route.target == vpc::RouteTarget::kLocal) json["GatewayId"] = "local";
  if (!route.interface) return json;
  json["NetworkInterfaceId"] = route.interface->text();
  const auto* interface = vpc::find(state.network_interfaces, *route.interface);
  if (interface == nullptr || !interface->in_use()) json["State"] = "blackhole";
  if (interface != nullptr && interface->attachment) {
    json["InstanceId"] = "netns:" + interface->attachment->netns;
    json["InstanceOwnerId"] = interface->account.text;
  }
  return json;
}

Json routes(const vpc::State& state, const Table& table) {
  Json list = Json::array();
  for (const auto& route : table.routes) {
    if (route.target == vpc::RouteTarget::kManaged) continue;  // the managed segment's is never shown
    list.push_back(route_json(state, table, route));
  }
  for (const auto& [id, endpoint] : state.index.in(table.vpc).vpc_endpoints) {
    const auto* service = vpc::find_service(state.services, endpoint->service);
    if (service == nullptr || !endpoint->route_tables.contains(table.id)) continue;
    list.push_back({{"DestinationPrefixListId", service->prefix_list.text()},
                    {"GatewayId", id.text()},
                    {"Origin", "CreateRoute"},
                    {"State", "active"}});
  }
  return list;
}

Json to_json(const vpc::State& state, const Table& table) {
  return {{"Associations", associations(state, table)},
          {"PropagatingVgws", Json::array()},
          {"RouteTableId", table.id.text()},
          {"Routes", routes(state, table)},
          {"Tags", tags_to_json(table.tags)},
          {"VpcId", table.vpc.text()},
          {"OwnerId", table.account.text}};
}

/// What the table shows under a member of each item of a list.
Values values_in(const Json& list, const char* member) {
  Values values;
  for (const auto& item : list) {
    const auto found = item.find(member);
    if (found == item.end()) continue;
    values.push_back(found->is_boolean() ? (found->get<bool>() ? "true" : "false")
                                         : found->get<std::string>());
  }
  return values;
}

Result<Json> read(const vpc::State& state, const vpc::AccountId& account, const Json& parameters) {
  const auto of_associations = [&state](const char* member) {
    return [&state, member](const Table& t) { return values_in(associations(state, t), member); };
  };
  const auto of_routes = [&state](const char* member) {
    return [&state, member](const Table& t) { return values_in(routes(state, t), member); };
  };
  const Description<Table> description{
      .ids_member = "RouteTableIds",
      .list_member = "RouteTables",
      .filters = {{"route-table-id", [](const Table& t) { return Values{t.id.text()}; }},
                  {"vpc-id", [](const Table& t) { return Values{t.vpc.text()}; }},
                  {"owner-id", [](const Table& t) { return Values{t.account.text}; }},
                  {"association.main", of_associations("Main")},
                  {"association.subnet-id", of_associations("SubnetId")},
                  {"association.route-table-id", of_associations("RouteTableId")},
                  {"association.route-table-association-id", of_associations("RouteTableAssociationId")},
                  {"route.destination-cidr-block", of_routes("DestinationCidrBlock")},
                  {"route.destination-prefix-list-id", of_routes("DestinationPrefixListId")},
                  {"route.gateway-id", of_routes("GatewayId")},
                  {"route.instance-id", of_routes("InstanceId")},
                  {"route.origin", of_routes("Origin")},
                  {"route.state", of_routes("State")}},
      .to_json = [&state](const Table& table) { return to_json(state, table); }};
  return describe(state, account, state.route_tables, parameters, description);
}

Result<vpc::Command> decode_create(const Json& parameters) {
  TRY(auto vpc, vpc_id(parameters, "VpcId"));
  TRY(auto created_tags, tags_at_creation(parameters, "route-table"));
  return vpc::CreateRouteTable{
      .vpc = vpc, .tags = std::move(created_tags), .client_token = text_or_empty(parameters, "ClientToken")};
}

Json reply_create(const vpc::Applied& applied, const vpc::AccountId&, const Json& parameters) {
  const auto id = *vpc::RouteTableId::parse(applied.ids.front());
  Json json{{"RouteTable", to_json(applied.state, *vpc::find(applied.state.route_tables, id))}};
  if (parameters.contains("ClientToken")) json["ClientToken"] = parameters.at("ClientToken");
  return json;
}

Json reply_nothing(const vpc::Applied&, const vpc::AccountId&, const Json&) {
  return Json::object();
}

/// EC2's AssociationId or NewAssociationId.
auto reply_association(const char* member) {
  return [member](const vpc::Applied& applied, const vpc::AccountId&, const Json&) {
    return Json{{member, applied.ids.front()}, {"AssociationState", {{"State", "associated"}}}};
  };
}

std::vector<Operation> association_operations() {
  return {
      {.name = "AssociateRouteTable",
       .doc = "Gives a subnet a route table of its own, instead of the VPC's main one.",
       .example = "--route-table-id rtb-0123456789abcdef0 --subnet-id subnet-0123456789abcdef0",
       .members = {required("RouteTableId", string_shape(), "The route table."),
                   required("SubnetId", string_shape(), "A subnet of the same VPC."),
                   unsupported("GatewayId", string_shape(), "There are no gateways."), dry_run_member()},
       .decode = [](const Json& parameters) -> Result<vpc::Command> {
         TRY(auto table, route_table_id(parameters, "RouteTableId"));
         TRY(auto subnet, subnet_id(parameters, "SubnetId"));
         return vpc::AssociateRouteTable{.table = table, .subnet = subnet};
       },
       .reply = reply_association("AssociationId")},
      {.name = "DisassociateRouteTable",
       .doc = "Takes a subnet's own route table away: it uses the VPC's main one again.",
       .example = "--association-id rtbassoc-0123456789abcdef0",
       .members = {required("AssociationId", string_shape(), "The association."), dry_run_member()},
       .decode = [](const Json& parameters) -> Result<vpc::Command> {
         TRY(auto id, route_table_association_id(parameters, "AssociationId"));
         return vpc::DisassociateRouteTable{id};
       },
       .reply = reply_nothing},
      {.name = "ReplaceRouteTableAssociation",
       .doc = "Gives a subnet another route table, or a VPC another main one.",
       .example = "--association-id rtbassoc-0123456789abcdef0 --route-table-id rtb-0123456789abcdef0",
       .members = {required("AssociationId", string_shape(), "A subnet's association, or the main one."),
                   required("RouteTableId", string_shape(), "The new route table."), dry_run_member()},
       .decode = [](const Json& parameters) -> Result<vpc::Command> {
         TRY(auto id, route_table_association_id(parameters, "AssociationId"));
         TRY(auto table, route_table_id(parameters, "RouteTableId"));
         return vpc::ReplaceRouteTableAssociation{.association = id, .table = table};
       },
       .reply = reply_association("NewAssociationId")},
  };
}

}  // namespace

std::vector<Operation> route_table_operations() {
  auto all = association_operations();
  all.push_back({.name = "CreateRouteTable",
                 .doc = "Creates a route table, with the local route, in a VPC.",
                 .example = "--vpc-id vpc-0123456789abcdef0",
                 .members = {required("VpcId", string_shape(), "The VPC."), tag_specifications("route-table"),
                             optional("ClientToken", string_shape(),
                                      "Up to 64 ASCII characters; a repeated request creates nothing."),
                             dry_run_member()},
                 .decode = decode_create,
                 .reply = reply_create});
  all.push_back({.name = "DeleteRouteTable",
                 .doc = "Deletes a route table that no subnet uses and that is not the main one.",
                 .example = "--route-table-id rtb-0123456789abcdef0",
                 .members = {required("RouteTableId", string_shape(), "The route table."), dry_run_member()},
                 .decode = [](const Json& parameters) -> Result<vpc::Command> {
                   TRY(auto id, route_table_id(parameters, "RouteTableId"));
                   return vpc::DeleteRouteTable{id};
                 },
                 .reply = reply_nothing});
  all.push_back({.name = "DescribeRouteTables",
                 .doc = "Lists route tables.",
                 .example = "--filters Name=vpc-id,Values=vpc-0123456789abcdef0",
                 .members = describe_members(
                     "RouteTableIds",
                     "route-table-id, vpc-id, owner-id, association.main, association.subnet-id, "
                     "association.route-table-id, association.route-table-association-id, "
                     "route.destination-cidr-block, route.destination-prefix-list-id, route.gateway-id, "
                     "route.instance-id, route.origin, route.state"),
                 .read = read});
  return all;
}

}  // namespace caisson::netd::api
