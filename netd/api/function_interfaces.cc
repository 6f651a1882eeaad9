#include "netd/api/parameters.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

Result<vpc::Command> decode_ensure(const Json& parameters) {
  TRY(auto subnets, subnet_ids(parameters, "SubnetIds"));
  TRY(auto groups, security_group_ids(parameters, "SecurityGroupIds"));
  return vpc::EnsureFunctionInterface{
      .user = parameters.at("User"), .subnets = std::move(subnets), .groups = std::move(groups)};
}

Result<vpc::Command> decode_grow(const Json& parameters) {
  TRY(auto interface, network_interface_id(parameters, "NetworkInterfaceId"));
  const auto addresses = parameters.at("Addresses").get<std::int64_t>();
  if (addresses < 1) {
    return Error{.code = "InvalidParameterValue", .message = "A network interface has at least one address"};
  }
  return vpc::GrowFunctionInterface{.interface = interface, .addresses = static_cast<std::size_t>(addresses)};
}

Json reply_ensure(const vpc::Applied& applied, const vpc::AccountId&, const Json&) {
  Json interfaces = Json::array();
  for (const auto& id : applied.ids) {
    const auto* interface = vpc::find(applied.state.network_interfaces, *vpc::NetworkInterfaceId::parse(id));
    interfaces.push_back({{"NetworkInterfaceId", id},
                          {"SubnetId", interface->subnet.text()},
                          {"VpcId", interface->vpc.text()},
                          {"PrivateIpAddress", interface->address.text()}});
  }
  return {{"NetworkInterfaces", std::move(interfaces)}};
}

}  // namespace

std::vector<Operation> function_interface_operations() {
  return {
      {.name = "GrowFunctionInterface",
       .doc = "Brings a function interface to so many private addresses: 63 environments each.",
       .members = {required("NetworkInterfaceId", string_shape(), "A function interface."),
                   required("Addresses", integer_shape(), "How many it is to have, with the primary one.")},
       .internal = true,
       .decode = decode_grow,
       .reply = [](const vpc::Applied&, const vpc::AccountId&, const Json&) { return Json::object(); }},
      {.name = "EnsureFunctionInterface",
       .doc = "Gives a function configuration its network interfaces, one per subnet, shared with others.",
       .members = {required("User", string_shape(), "Who needs them; kept until it is released."),
                   optional("SubnetIds", list_of(string_shape()),
                            "Subnets of one VPC; absent: the managed segment."),
                   optional("SecurityGroupIds", list_of(string_shape()), "1 to 5 groups of that VPC.")},
       .internal = true,
       .decode = decode_ensure,
       .reply = reply_ensure},
      {.name = "ReleaseFunctionInterface",
       .doc = "Releases the network interfaces of a function configuration; unused ones are deleted.",
       .members = {required("User", string_shape(), "Who needed them.")},
       .internal = true,
       .decode = [](const Json& parameters) -> Result<vpc::Command> {
         return vpc::ReleaseFunctionInterface{parameters.at("User")};
       },
       .reply = [](const vpc::Applied&, const vpc::AccountId&, const Json&) { return Json::object(); }},
  };
}

}  // namespace caisson::netd::api
