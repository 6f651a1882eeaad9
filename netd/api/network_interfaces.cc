#include "netd/api/describe.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

constexpr const char* kNoIpv6 = "Caisson has IPv4 only.";
constexpr const char* kOneAddress = "A network interface has one address.";
constexpr std::string_view kNetns = "netns:";

std::string type_text(const vpc::NetworkInterface& interface) {
  return interface.type == vpc::InterfaceType::kLambda ? "lambda" : "interface";
}

std::string status_text(const vpc::NetworkInterface& interface) {
  return interface.in_use() ? "in-use" : "available";
}

Json groups_to_json(const vpc::State& state, const vpc::NetworkInterface& interface) {
  Json groups = Json::array();
  for (const auto& id : interface.groups) {
    const auto* group = vpc::find(state.security_groups, id);
    groups.push_back({{"GroupName", group == nullptr ? "" : group->name}, {"GroupId", id.text()}});
  }
  return groups;
}

Json addresses_to_json(const vpc::NetworkInterface& interface) {
  Json addresses = Json::array();
  for (const auto& address : interface.addresses()) {
    addresses.push_back({{"Primary", address == interface.address}, {"PrivateIpAddress", address.text()}});
  }
  return addresses;
}

Json attachment_to_json(const vpc::Attachment& attachment, const vpc::AccountId& account) {
  return {{"AttachTime", attachment.attach_time},
          {"AttachmentId", attachment.id.text()},
          {"DeleteOnTermination", false},
          {"DeviceIndex", attachment.device_index},
          {"NetworkCardIndex", 0},
          {"InstanceId", std::string(kNetns) + attachment.netns},
          {"InstanceOwnerId", account.text},
          {"Status", "attached"}};
}

Json to_json(const vpc::State& state, const vpc::NetworkInterface& interface) {
  const auto* subnet = vpc::find(state.subnets, interface.subnet);
  const auto address = interface.address.text();
  Json json{{"AvailabilityZone", subnet == nullptr ? "" : subnet->availability_zone},
            {"Description", interface.description},
            {"Groups", groups_to_json(state, interface)},
            {"InterfaceType", type_text(interface)},
            {"Ipv6Addresses", Json::array()},
            {"MacAddress", interface.mac.text()},
            {"NetworkInterfaceId", interface.id.text()},
            {"OwnerId", interface.account.text},
            {"PrivateIpAddress", address},
            {"PrivateIpAddresses", addresses_to_json(interface)},
            {"RequesterManaged", interface.requester_managed()},
            {"SourceDestCheck", true},
            {"Status", status_text(interface)},
            {"SubnetId", interface.subnet.text()},
            {"TagSet", tags_to_json(interface.tags)},
            {"VpcId", interface.vpc.text()}};
  if (interface.requester_managed()) json["RequesterId"] = interface.account.text + ":lambda";
  if (interface.attachment) {
    json["Attachment"] = attachment_to_json(*interface.attachment, interface.account);
  }
  return json;
}

Result<vpc::Command> decode_create(const Json& parameters) {
  const auto type = text_or_empty(parameters, "InterfaceType");
  if (!type.empty() && type != "interface") {
    return Error{
        .code = "InvalidParameterValue",
        .message = "Value (" + type + ") for parameter interfaceType is invalid. It must be interface."};
  }
  vpc::CreateNetworkInterface command;
  TRY(command.subnet, subnet_id(parameters, "SubnetId"));
  for (const auto& group : list_or_empty(parameters, "Groups")) {
    const auto id = vpc::SecurityGroupId::parse(group.get<std::string>());
    if (!id) {
      return Error{.code = "InvalidSecurityGroupId.Malformed",
                   .message = "Invalid id: \"" + group.get<std::string>() + "\" (expecting \"sg-...\")"};
    }
    command.groups.push_back(*id);
  }
  const auto address = text_or_empty(parameters, "PrivateIpAddress");
  if (!address.empty()) {
    command.address = Ipv4Address::parse(address);
    if (!command.address) {
      return Error{.code = "InvalidParameterValue",
                   .message = "Value (" + address +
                              ") for parameter privateIpAddress is invalid. "
                              "This is not a valid IPv4 address."};
    }
  }
  command.description = text_or_empty(parameters, "Description");
  TRY(command.tags, tags_at_creation(parameters, "network-interface"));
  command.client_token = text_or_empty(parameters, "ClientToken");
  return command;
}

Json reply_create(const vpc::Applied& applied, const vpc::AccountId&, const Json& parameters) {
  const auto id = *vpc::NetworkInterfaceId::parse(applied.ids.front());
  Json json{{"NetworkInterface", to_json(applied.state, *vpc::find(applied.state.network_interfaces, id))}};
  if (parameters.contains("ClientToken")) json["ClientToken"] = parameters.at("ClientToken");
  return json;
}

Result<vpc::Command> decode_attach(const Json& parameters) {
  TRY(auto interface, network_interface_id(parameters, "NetworkInterfaceId"));
  const auto instance = parameters.at("InstanceId").get<std::string>();
  const auto netns = instance.starts_with(kNetns) ? instance.substr(kNetns.size()) : std::string();
  if (!vpc::is_netns_name(netns)) {
    return Error{.code = "InvalidInstanceID.Malformed",
                 .message = "Invalid id: \"" + instance +
                            "\" (expecting \"netns:NAME\", NAME being 1 to 64 of A-Z a-z 0-9 . _ -)"};
  }
  TRY(auto index, integer_between(parameters, "DeviceIndex", 0, 0, 31));
  return vpc::AttachNetworkInterface{.interface = interface, .netns = netns, .device_index = index};
}

Result<Json> read(const vpc::State& state, const vpc::AccountId& account, const Json& parameters) {
  using Interface = vpc::NetworkInterface;
  const auto groups = [](const Interface& i) {
    Values values;
    for (const auto& group : i.groups)
      values.push_back(group.text());
    return values;
  };
  const auto of_attachment = [](const Interface& i, auto value) {
    return i.attachment ? Values{value(*i.attachment)} : Values{};
  };
  const auto instance = [of_attachment](const Interface& i) {
    return of_attachment(i, [](const vpc::Attachment& a) { return std::string(kNetns) + a.netns; });
  };
  const auto attachment = [of_attachment](const Interface& i) {
    return of_attachment(i, [](const vpc::Attachment& a) { return a.id.text(); });
  };
  const auto managed = [](const Interface& i) { return Values{i.requester_managed() ? "true" : "false"}; };
  const Description<Interface> description{
      .ids_member = "NetworkInterfaceIds",
      .list_member = "NetworkInterfaces",
      .filters = {{"network-interface-id", [](const Interface& i) { return Values{i.id.text()}; }},
                  {"vpc-id", [](const Interface& i) { return Values{i.vpc.text()}; }},
                  {"subnet-id", [](const Interface& i) { return Values{i.subnet.text()}; }},
                  {"group-id", groups},
                  {"private-ip-address", [](const Interface& i) { return Values{i.address.text()}; }},
                  {"mac-address", [](const Interface& i) { return Values{i.mac.text()}; }},
                  {"status", [](const Interface& i) { return Values{status_text(i)}; }},
                  {"interface-type", [](const Interface& i) { return Values{type_text(i)}; }},
                  {"description", [](const Interface& i) { return Values{i.description}; }},
                  {"requester-managed", managed},
                  {"attachment.instance-id", instance},
                  {"attachment.attachment-id", attachment}},
      .to_json = [&state](const Interface& interface) { return to_json(state, interface); }};
  return describe(state, account, state.network_interfaces, parameters, description);
}

std::vector<Member> create_members() {
  const auto text = string_shape();
  return {
      required("SubnetId", text, "The subnet."),
      optional("Groups", list_of(text), "1 to 5 security groups; the VPC's default group if absent."),
      optional("PrivateIpAddress", text, "A free address of the subnet; the lowest if absent."),
      optional("Description", text, "Up to 255 characters."),
      optional("ClientToken", text, "Up to 64 ASCII characters; a repeated request gets the first answer."),
      optional("InterfaceType", text, "Only interface."),
      tag_specifications("network-interface"),
      unsupported("PrivateIpAddresses",
                  list_of(structure(
                      {optional("Primary", boolean_shape(), ""), optional("PrivateIpAddress", text, "")})),
                  kOneAddress),
      unsupported("SecondaryPrivateIpAddressCount", integer_shape(), kOneAddress),
      unsupported("Ipv6AddressCount", integer_shape(), kNoIpv6),
      unsupported("Ipv6Addresses", list_of(structure({optional("Ipv6Address", text, "")})), kNoIpv6),
      dry_run_member()};
}

Operation attach_operation() {
  return {
      .name = "AttachNetworkInterface",
      .doc = "Plugs a network interface into a network namespace: a port of the subnet's bridge.",
      .example = "--network-interface-id eni-0123456789abcdef0 --instance-id netns:database --device-index 0",
      .members = {required("NetworkInterfaceId", string_shape(), "The network interface."),
                  required("InstanceId", string_shape(), "netns:NAME, as in `ip netns`."),
                  required("DeviceIndex", integer_shape(), "0 to 31, once per namespace."),
                  unsupported("NetworkCardIndex", integer_shape(), "A namespace has one network card."),
                  dry_run_member()},
      // Namespaces are the host's: whoever is plugged into one gets its traffic.
      .operators_only = true,
      .decode = decode_attach,
      .reply = [](const vpc::Applied& applied, const vpc::AccountId&, const Json&) {
        return Json{{"AttachmentId", applied.ids.front()}, {"NetworkCardIndex", 0}};
      }};
}

Operation detach_operation() {
  return {.name = "DetachNetworkInterface",
          .doc = "Unplugs a network interface from its namespace.",
          .example = "--attachment-id eni-attach-0123456789abcdef0",
          .members = {required("AttachmentId", string_shape(), "The attachment."),
                      optional("Force", boolean_shape(), "Accepted; a detachment is always immediate."),
                      dry_run_member()},
          .decode = [](const Json& parameters) -> Result<vpc::Command> {
            TRY(auto id, attachment_id(parameters, "AttachmentId"));
            return vpc::DetachNetworkInterface{.attachment = id,
                                               .force = boolean_or_false(parameters, "Force")};
          },
          .reply = [](const vpc::Applied&, const vpc::AccountId&, const Json&) { return Json::object(); }};
}

}  // namespace

std::vector<Operation> network_interface_operations() {
  return {
      {.name = "CreateNetworkInterface",
       .doc = "Creates a network interface in a subnet.",
       .example = "--subnet-id subnet-0123456789abcdef0 --groups sg-0123456789abcdef0",
       .members = create_members(),
       .decode = decode_create,
       .reply = reply_create},
      {.name = "DeleteNetworkInterface",
       .doc = "Deletes a network interface that is not attached.",
       .example = "--network-interface-id eni-0123456789abcdef0",
       .members = {required("NetworkInterfaceId", string_shape(), "The network interface."),
                   dry_run_member()},
       .decode = [](const Json& parameters) -> Result<vpc::Command> {
         TRY(auto id, network_interface_id(parameters, "NetworkInterfaceId"));
         return vpc::DeleteNetworkInterface{id};
       },
       .reply = [](const vpc::Applied&, const vpc::AccountId&, const Json&) { return Json::object(); }},
      {.name = "DescribeNetworkInterfaces",
       .doc = "Lists network interfaces, those of functions too.",
       .example = "--filters Name=subnet-id,Values=subnet-0123456789abcdef0",
       .members = describe_members("NetworkInterfaceIds",
                                   "network-interface-id, vpc-id, subnet-id, group-id, private-ip-address, "
                                   "mac-address, status, interface-type, description, requester-managed, "
                                   "attachment.instance-id, attachment.attachment-id"),
       .read = read},
      attach_operation(),
      detach_operation(),
  };
}

}  // namespace caisson::netd::api
