// Routes lead to network interfaces; EC2's other targets are looked for, as EC2 does, and not found.
#include <algorithm>
#include <array>

#include "netd/api/parameters.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

struct Target {
  const char* member;
  const char* code;
  const char* kind;
};
constexpr std::array<Target, 10> kAbsent{
    {{"GatewayId", "InvalidGatewayID.NotFound", "gateway ID"},
     {"NatGatewayId", "InvalidNatGatewayID.NotFound", "natGateway ID"},
     {"InstanceId", "InvalidInstanceID.NotFound", "instance ID"},
     {"VpcPeeringConnectionId", "InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection ID"},
     {"TransitGatewayId", "InvalidTransitGatewayID.NotFound", "transitGateway ID"},
     {"VpcEndpointId", "InvalidVpcEndpointId.NotFound", "Gateway Load Balancer endpoint ID"},
     {"LocalGatewayId", "InvalidLocalGatewayID.NotFound", "localGateway ID"},
     {"CarrierGatewayId", "InvalidCarrierGatewayID.NotFound", "carrierGateway ID"},
     {"CoreNetworkArn", "InvalidCoreNetworkArn.NotFound", "core network ARN"},
     {"EgressOnlyInternetGatewayId", "InvalidGatewayID.NotFound", "egressOnlyInternetGateway ID"}}};

Error invalid(const std::string& message) {
  return {.code = "InvalidParameterValue", .message = message};
}

Error absent(const Target& target, const std::string& id) {
  const std::string member = target.member;
  if (member == "EgressOnlyInternetGatewayId") {
    return invalid("An egress-only internet gateway is no target of a route with an IPv4 destination");
  }
  if (member == "GatewayId" && id == "local") {
    return invalid("A local route is made with its route table; LocalTarget of ReplaceRoute restores it");
  }
  if (member == "GatewayId" && id.starts_with("vpce-")) {
    return invalid("Routes to the endpoint " + id + " are made with CreateVpcEndpoint and ModifyVpcEndpoint");
  }
  return {.code = target.code, .message = "The " + std::string(target.kind) + " '" + id + "' does not exist"};
}

Result<Ipv4Cidr> destination(const Json& parameters) {
  if (parameters.contains("DestinationPrefixListId")) {
    if (parameters.contains("DestinationCidrBlock")) {
      return Error{.code = "InvalidParameterCombination",
                   .message = "Only one of DestinationCidrBlock and DestinationPrefixListId can be given"};
    }
    return invalid("Routes to prefix lists are made with CreateVpcEndpoint and ModifyVpcEndpoint");
  }
  if (!parameters.contains("DestinationCidrBlock")) {
    return Error{.code = "MissingParameter",
                 .message = "The request must contain the parameter DestinationCidrBlock"};
  }
  return cidr(parameters.at("DestinationCidrBlock"), "destinationCidrBlock");
}

/// Of the one target: a network interface, or none if it is LocalTarget.
Result<std::optional<vpc::NetworkInterfaceId>> target(const Json& parameters) {
  const bool local = boolean_or_false(parameters, "LocalTarget");
  const auto given = [&](const auto& one) { return parameters.contains(one.member); };
  const bool interface = parameters.contains("NetworkInterfaceId");
  const auto targets =
      std::count_if(kAbsent.begin(), kAbsent.end(), given) + (local ? 1 : 0) + (interface ? 1 : 0);
  if (targets == 0) {
    return Error{.code = "MissingParameter",
                 .message =
                     "The request must contain exactly one of gatewayId, natGatewayId, "
                     "networkInterfaceId, vpcPeeringConnectionId or transitGatewayId"};
  }
  if (targets > 1) {
    return Error{.code = "InvalidParameterCombination", .message = "A route has exactly one target"};
  }
  const auto other = std::find_if(kAbsent.begin(), kAbsent.end(), given);
  if (other != kAbsent.end()) return absent(*other, parameters.at(other->member).get<std::string>());
  if (local) return std::optional<vpc::NetworkInterfaceId>();
  TRY(auto id, network_interface_id(parameters, "NetworkInterfaceId"));
  return std::optional(id);
}

Member ipv6_member() {
  return unsupported("DestinationIpv6CidrBlock", string_shape(), "Caisson has IPv4 only.");
}

std::vector<Member> route_members() {
  const auto text = string_shape();
  std::vector<Member> members{
      required("RouteTableId", text, "The route table."),
      optional("DestinationCidrBlock", text, "IPv4 block; host bits are cleared."),
      optional("DestinationPrefixListId", text, "Refused: endpoints make the routes to prefix lists."),
      ipv6_member(),
      optional(
          "NetworkInterfaceId", text,
          "A network interface of the VPC. It gets nothing that is not sent to its own address, so that such "
          "a route swallows packets.")};
  for (const auto& target : kAbsent) {
    members.push_back(
        optional(target.member, text, "There is no such target; the call fails as EC2's does."));
  }
  members.push_back(dry_run_member());
  return members;
}

Json reply_nothing(const vpc::Applied&, const vpc::AccountId&, const Json&) {
  return Json::object();
}

Result<vpc::Command> decode_create(const Json& parameters) {
  TRY(auto table, route_table_id(parameters, "RouteTableId"));
  TRY(auto block, destination(parameters));
  TRY(auto interface, target(parameters));
  return vpc::CreateRoute{.table = table, .destination = block, .interface = *interface};
}

Result<vpc::Command> decode_replace(const Json& parameters) {
  TRY(auto table, route_table_id(parameters, "RouteTableId"));
  TRY(auto block, destination(parameters));
  TRY(auto interface, target(parameters));
  return vpc::ReplaceRoute{.table = table, .destination = block, .interface = interface};
}

Result<vpc::Command> decode_delete(const Json& parameters) {
  TRY(auto table, route_table_id(parameters, "RouteTableId"));
  TRY(auto block, destination(parameters));
  return vpc::DeleteRoute{.table = table, .destination = block};
}

}  // namespace

std::vector<Operation> route_operations() {
  auto replace_members = route_members();
  replace_members.push_back(
      optional("LocalTarget", boolean_shape(), "Restores the local route of the VPC's block."));
  return {{.name = "CreateRoute",
           .doc = "Adds a route to a route table.",
           .example = "--route-table-id rtb-0123456789abcdef0 --destination-cidr-block 192.0.2.0/24 "
                      "--network-interface-id eni-0123456789abcdef0",
           .members = route_members(),
           .decode = decode_create,
           .reply =
               [](const vpc::Applied&, const vpc::AccountId&, const Json&) {
                 return Json{{"Return", true}};
               }},
          {.name = "DeleteRoute",
           .doc = "Removes a route from a route table.",
           .example = "--route-table-id rtb-0123456789abcdef0 --destination-cidr-block 192.0.2.0/24",
           .members = {required("RouteTableId", string_shape(), "The route table."),
                       optional("DestinationCidrBlock", string_shape(), "The route's destination."),
                       optional("DestinationPrefixListId", string_shape(),
                                "Refused: endpoints make the routes to prefix lists."),
                       ipv6_member(), dry_run_member()},
           .decode = decode_delete,
           .reply = reply_nothing},
          {.name = "ReplaceRoute",
           .doc = "Gives a route another target.",
           .example =
               "--route-table-id rtb-0123456789abcdef0 --destination-cidr-block 10.0.0.0/16 --local-target",
           .members = std::move(replace_members),
           .decode = decode_replace,
           .reply = reply_nothing}};
}

}  // namespace caisson::netd::api
