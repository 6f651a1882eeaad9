#include <algorithm>

#include "netd/api/describe.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"
#include "netd/api/zones.hh"
#include "policies/policy.hh"

namespace caisson::netd::api {
namespace {

constexpr const char* kOnlyGateway = "It is for interface endpoints; there are gateway endpoints only.";

template <class Ids>
Json ids_json(const Ids& ids) {
  Json list = Json::array();
  for (const auto& id : ids) {
    list.push_back(id.text());
  }
  return list;
}

Json to_json(const vpc::VpcEndpoint& endpoint) {
  return {{"VpcEndpointId", endpoint.id.text()},
          {"VpcEndpointType", "Gateway"},
          {"VpcId", endpoint.vpc.text()},
          {"ServiceName", endpoint.service},
          {"State", "available"},
          {"PolicyDocument",
           endpoint.policy.empty() ? std::string(policies::default_document()) : endpoint.policy},
          {"RouteTableIds", ids_json(endpoint.route_tables)},
          {"SubnetIds", Json::array()},
          {"Groups", Json::array()},
          {"PrivateDnsEnabled", false},
          {"RequesterManaged", false},
          {"NetworkInterfaceIds", Json::array()},
          {"DnsEntries", Json::array()},
          {"CreationTimestamp", endpoint.created},
          {"Tags", tags_to_json(endpoint.tags)},
          {"OwnerId", endpoint.account.text}};
}

/// The document as it was given, if it is a policy.
Result<std::string> policy(const Json& parameters) {
  auto document = text_or_empty(parameters, "PolicyDocument");
  if (!document.empty()) {
    TRYV(policies::parse_policy(document));
  }
  return document;
}

Status check_type(const Json& parameters) {
  const auto type = text_or_empty(parameters, "VpcEndpointType");
  if (type.empty() || type == "Gateway") return ok();
  if (type == "Interface" || type == "GatewayLoadBalancer") {
    return Error{
        .code = "InvalidParameter",
        .message = "Endpoint type (" + type + ") does not match available service types ([Gateway])."};
  }
  return Error{.code = "InvalidVpcEndpointType", .message = "The endpoint type '" + type + "' is not valid"};
}

Result<vpc::Command> decode_create(const Json& parameters) {
  TRYV(check_type(parameters));
  TRY(auto vpc, vpc_id(parameters, "VpcId"));
  TRY(auto tables, route_table_ids(parameters, "RouteTableIds"));
  TRY(auto document, policy(parameters));
  TRY(auto created_tags, tags_at_creation(parameters, "vpc-endpoint"));
  return vpc::CreateVpcEndpoint{.vpc = vpc,
                                .service = parameters.at("ServiceName").get<std::string>(),
                                .route_tables = std::move(tables),
                                .policy = std::move(document),
                                .tags = std::move(created_tags),
                                .client_token = text_or_empty(parameters, "ClientToken")};
}

Json reply_create(const vpc::Applied& applied, const vpc::AccountId&, const Json& parameters) {
  const auto id = *vpc::VpcEndpointId::parse(applied.ids.front());
  Json json{{"VpcEndpoint", to_json(*vpc::find(applied.state.vpc_endpoints, id))}};
  if (parameters.contains("ClientToken")) json["ClientToken"] = parameters.at("ClientToken");
  return json;
}

Result<vpc::Command> decode_modify(const Json& parameters) {
  vpc::ModifyVpcEndpoint command;
  TRY(command.endpoint, vpc_endpoint_id(parameters, "VpcEndpointId"));
  TRY(command.add_route_tables, route_table_ids(parameters, "AddRouteTableIds"));
  TRY(command.remove_route_tables, route_table_ids(parameters, "RemoveRouteTableIds"));
  TRY(auto document, policy(parameters));
  const bool reset = boolean_or_false(parameters, "ResetPolicy");
  if (reset && !document.empty()) {
    return Error{.code = "InvalidParameterCombination",
                 .message = "Only one of PolicyDocument and ResetPolicy can be given"};
  }
  if (reset || !document.empty()) command.policy = std::move(document);
  return command;
}

Result<vpc::Command> decode_delete(const Json& parameters) {
  vpc::DeleteVpcEndpoints command;
  for (const auto& text : parameters.at("VpcEndpointIds")) {
    // One that is no id at all is as absent as one that is none of ours: the reply tells of it.
    const auto id = vpc::VpcEndpointId::parse(text.get<std::string>());
    if (id) command.endpoints.push_back(*id);
  }
  return command;
}

Json reply_delete(const vpc::Applied& applied, const vpc::AccountId&, const Json& parameters) {
  Json unsuccessful = Json::array();
  for (const auto& text : parameters.at("VpcEndpointIds")) {
    const auto id = text.get<std::string>();
    if (std::find(applied.ids.begin(), applied.ids.end(), id) != applied.ids.end()) continue;
    unsuccessful.push_back({{"Error",
                             {{"Code", "InvalidVpcEndpoint.NotFound"},
                              {"Message", "The Vpc Endpoint Id '" + id + "' does not exist"}}},
                            {"ResourceId", id}});
  }
  return {{"Unsuccessful", std::move(unsuccessful)}};
}

Result<Json> read(const vpc::State& state, const vpc::AccountId& account, const Json& parameters) {
  using Endpoint = vpc::VpcEndpoint;
  const Description<Endpoint> description{
      .ids_member = "VpcEndpointIds",
      .list_member = "VpcEndpoints",
      .filters = {{"vpc-endpoint-id", [](const Endpoint& e) { return Values{e.id.text()}; }},
                  {"vpc-id", [](const Endpoint& e) { return Values{e.vpc.text()}; }},
                  {"service-name", [](const Endpoint& e) { return Values{e.service}; }},
                  // EC2's own model and its replies spell it differently.
                  {"vpc-endpoint-state",
                   [](const Endpoint&) {
                     return Values{"available", "Available"};
                   }},
                  {"vpc-endpoint-type", [](const Endpoint&) { return Values{"Gateway"}; }}},
      .to_json = to_json};
  return describe(state, account, state.vpc_endpoints, parameters, description);
}

Json service_json(const vpc::Service& service) {
  Json zones = Json::array();
  for (char zone = 'a'; zone <= 'f'; ++zone) {
    zones.push_back(std::string(kRegion) + zone);
  }
  return {{"ServiceName", service.name},
          {"ServiceType", Json::array({{{"ServiceType", "Gateway"}}})},
          {"AvailabilityZones", std::move(zones)},
          {"Owner", "amazon"},
          {"BaseEndpointDnsNames", Json::array()},
          {"VpcEndpointPolicySupported", true},
          {"AcceptanceRequired", false},
          {"ManagesVpcEndpoints", false},
          {"Tags", Json::array()}};
}

Result<Json> read_services(const vpc::State& state, const vpc::AccountId&, const Json& parameters) {
  TRY(auto query, Query::parse(parameters, "ServiceNames", "vpce-svc", [](const std::string& name) {
        return name == "service-name" || name == "service-type" || name == "owner";
      }));
  for (const auto& name : query.ids()) {
    if (vpc::find_service(state.services, name) == nullptr) {
      return Error{.code = "InvalidServiceName",
                   .message = "The Vpc Endpoint Service '" + name + "' does not exist"};
    }
  }
  Json names = Json::array();
  Json details = Json::array();
  for (const auto& service : state.services) {
    const auto& asked = query.ids();
    if (!asked.empty() && std::find(asked.begin(), asked.end(), service.name) == asked.end()) continue;
    const auto values = [&](const std::string& filter) {
      if (filter == "service-name") return Values{service.name};
      return filter == "service-type" ? Values{"Gateway"} : Values{"amazon"};
    };
    if (!query.admits(values, {})) continue;
    names.push_back(service.name);
    details.push_back(service_json(service));
  }
  return Json{{"ServiceNames", std::move(names)}, {"ServiceDetails", std::move(details)}};
}

Operation create_operation() {
  return {.name = "CreateVpcEndpoint",
          .doc = "Leads route tables to a service of this host, through an endpoint with a policy.",
          .example =
              "--vpc-id vpc-0123456789abcdef0 --service-name com.amazonaws.us-east-1.s3 "
              "--route-table-ids rtb-0123456789abcdef0",
          .members = {required("VpcId", string_shape(), "The VPC."),
                      required("ServiceName", string_shape(), "As DescribeVpcEndpointServices shows it."),
                      optional("VpcEndpointType", string_shape(), "Only Gateway."),
                      optional("PolicyDocument", document_shape(),
                               "What requests may do through the endpoint; everything if absent."),
                      optional("RouteTableIds", list_of(string_shape()),
                               "Route tables of the VPC that get a route to the service's prefix list."),
                      unsupported("SubnetIds", list_of(string_shape()), kOnlyGateway),
                      unsupported("SecurityGroupIds", list_of(string_shape()), kOnlyGateway),
                      unsupported("PrivateDnsEnabled", boolean_shape(), kOnlyGateway),
                      optional("ClientToken", string_shape(),
                               "Up to 64 ASCII characters; a repeated request creates nothing."),
                      tag_specifications("vpc-endpoint"), dry_run_member()},
          .decode = decode_create,
          .reply = reply_create};
}

Operation modify_operation() {
  return {.name = "ModifyVpcEndpoint",
          .doc = "Changes an endpoint's route tables or its policy.",
          .example = "--vpc-endpoint-id vpce-0123456789abcdef0 --add-route-table-ids rtb-0123456789abcdef0",
          .members = {required("VpcEndpointId", string_shape(), "The endpoint."),
                      optional("ResetPolicy", boolean_shape(), "Back to the policy that allows everything."),
                      optional("PolicyDocument", document_shape(), "The new policy."),
                      optional("AddRouteTableIds", list_of(string_shape()), "Route tables to lead there."),
                      optional("RemoveRouteTableIds", list_of(string_shape()),
                               "Route tables that lose their route."),
                      unsupported("AddSubnetIds", list_of(string_shape()), kOnlyGateway),
                      unsupported("RemoveSubnetIds", list_of(string_shape()), kOnlyGateway),
                      unsupported("AddSecurityGroupIds", list_of(string_shape()), kOnlyGateway),
                      unsupported("RemoveSecurityGroupIds", list_of(string_shape()), kOnlyGateway),
                      unsupported("PrivateDnsEnabled", boolean_shape(), kOnlyGateway), dry_run_member()},
          .decode = decode_modify,
          .reply = [](const vpc::Applied&, const vpc::AccountId&, const Json&) {
            return Json{{"Return", true}};
          }};
}

}  // namespace

std::vector<Operation> vpc_endpoint_operations() {
  return {
      create_operation(),
      modify_operation(),
      {.name = "DeleteVpcEndpoints",
       .doc = "Deletes endpoints, with the routes to them; Unsuccessful lists those that are not there.",
       .example = "--vpc-endpoint-ids vpce-0123456789abcdef0",
       .members = {required("VpcEndpointIds", list_of(string_shape()), "The endpoints."), dry_run_member()},
       .decode = decode_delete,
       .reply = reply_delete},
      {.name = "DescribeVpcEndpoints",
       .doc = "Lists endpoints.",
       .example = "--filters Name=vpc-id,Values=vpc-0123456789abcdef0",
       .members = describe_members(
           "VpcEndpointIds", "vpc-endpoint-id, vpc-id, service-name, vpc-endpoint-state, vpc-endpoint-type"),
       .read = read},
      {.name = "DescribeVpcEndpointServices",
       .doc = "Lists the services that endpoints can lead to.",
       .example = "--service-names com.amazonaws.us-east-1.s3",
       .members = describe_members("ServiceNames", "service-name, service-type, owner"),
       .read = read_services}};
}

}  // namespace caisson::netd::api
