#include "netd/api/state_json.hh"

#include <nlohmann/json.hpp>

#include "vpc/apply/index.hh"

namespace caisson::netd::api {
namespace {

using Json = nlohmann::json;

constexpr int kVersion = 2;
constexpr int kFirstWithEndpoints = 2;

// Each resource is taken apart by a structured binding: a member that is added to it does not compile here until it is
// stored, too.

Json tags_json(const vpc::Tags& tags) {
  Json made = Json::object();
  for (const auto& [key, value] : tags) {
    made[key] = value;
  }
  return made;
}

template <class Ids>
Json ids_json(const Ids& ids) {
  Json made = Json::array();
  for (const auto& id : ids) {
    made.push_back(id.text());
  }
  return made;
}

Json json_of(const vpc::Account& resource) {
  const auto& [id, name, created] = resource;
  return {{"Id", id.text}, {"Name", name}, {"Created", created}};
}

Json json_of(const vpc::AccessKey& resource) {
  const auto& [id, account, created, sealed_secret] = resource;
  return {{"Id", id}, {"Account", account.text}, {"Created", created}, {"SealedSecret", sealed_secret}};
}

Json json_of(const vpc::Vpc& resource) {
  const auto& [id, account, number, cidr, association, table, acl, group, options, managed, dns_support,
               dns_hostnames, tags] = resource;
  return {{"Id", id.text()},
          {"Account", account.text},
          {"Number", number},
          {"Cidr", cidr.text()},
          {"CidrAssociation", association.text()},
          {"MainRouteTable", table.text()},
          {"DefaultNetworkAcl", acl.text()},
          {"DefaultSecurityGroup", group.text()},
          {"DhcpOptions", options.text()},
          {"Managed", managed},
          {"DnsSupport", dns_support},
          {"DnsHostnames", dns_hostnames},
          {"Tags", tags_json(tags)}};
}

Json json_of(const vpc::Subnet& resource) {
  const auto& [id, account, vpc, number, cidr, zone, tags, route_table] = resource;
  Json made{{"Id", id.text()},     {"Account", account.text},  {"Vpc", vpc.text()},      {"Number", number},
            {"Cidr", cidr.text()}, {"AvailabilityZone", zone}, {"Tags", tags_json(tags)}};
  if (route_table) {
    const auto& [association, table] = *route_table;
    made["RouteTable"] = {{"Association", association.text()}, {"Id", table.text()}};
  }
  return made;
}

Json json_of(const vpc::RouteTable& resource) {
  const auto& [id, account, vpc, number, routes, tags] = resource;
  Json list = Json::array();
  for (const auto& [destination, target, interface] : routes) {
    Json route{{"Destination", destination.text()}, {"Target", static_cast<int>(target)}};
    if (interface) route["Interface"] = interface->text();
    list.push_back(std::move(route));
  }
  return {{"Id", id.text()},  {"Account", account.text},   {"Vpc", vpc.text()},
          {"Number", number}, {"Routes", std::move(list)}, {"Tags", tags_json(tags)}};
}

Json json_of(const vpc::NetworkAcl& resource) {
  const auto& [id, account, vpc, is_default, entries, tags] = resource;
  Json list = Json::array();
  for (const auto& [rule_number, egress, allow, protocol, from_port, to_port, cidr] : entries) {
    list.push_back({{"RuleNumber", rule_number},
                    {"Egress", egress},
                    {"Allow", allow},
                    {"Protocol", protocol},
                    {"FromPort", from_port},
                    {"ToPort", to_port},
                    {"Cidr", cidr.text()}});
  }
  return {{"Id", id.text()},       {"Account", account.text},    {"Vpc", vpc.text()},
          {"Default", is_default}, {"Entries", std::move(list)}, {"Tags", tags_json(tags)}};
}

Json json_of(const vpc::SecurityGroup& resource) {
  const auto& [id, account, vpc, name, description, tags] = resource;
  return {{"Id", id.text()}, {"Account", account.text},    {"Vpc", vpc.text()},
          {"Name", name},    {"Description", description}, {"Tags", tags_json(tags)}};
}

Json json_of(const vpc::SecurityGroupRule& resource) {
  const auto& [id, account, group, permission, description, tags] = resource;
  const auto& [egress, protocol, from_port, to_port, peer] = permission;
  Json made{{"Id", id.text()},   {"Account", account.text},    {"Group", group.text()},
            {"Egress", egress},  {"Protocol", protocol},       {"FromPort", from_port},
            {"ToPort", to_port}, {"Description", description}, {"Tags", tags_json(tags)}};
  if (const auto* cidr = std::get_if<Ipv4Cidr>(&peer)) {
    made["PeerCidr"] = cidr->text();
  } else if (const auto* list = std::get_if<vpc::PrefixListId>(&peer)) {
    made["PeerPrefixList"] = list->text();
  } else {
    made["PeerGroup"] = std::get<vpc::SecurityGroupId>(peer).text();
  }
  return made;
}

Json json_of(const vpc::NetworkInterface& resource) {
  const auto& [id, account, vpc, subnet, number, type, address, more_addresses, mac, groups, description,
               attachment, users, tags] = resource;
  Json more = Json::array();
  for (const auto& [another, its_number] : more_addresses) {
    more.push_back({{"Address", another.text()}, {"Number", its_number}});
  }
  Json made{{"Id", id.text()},
            {"Account", account.text},
            {"Vpc", vpc.text()},
            {"Subnet", subnet.text()},
            {"Number", number},
            {"Type", static_cast<int>(type)},
            {"Address", address.text()},
            {"MoreAddresses", std::move(more)},
            {"Mac", mac.text()},
            {"Groups", ids_json(groups)},
            {"Description", description},
            {"Users", users},
            {"Tags", tags_json(tags)}};
  if (attachment) {
    const auto& [attachment_id, netns, device_index, attach_time] = *attachment;
    made["Attachment"] = {{"Id", attachment_id.text()},
                          {"Netns", netns},
                          {"DeviceIndex", device_index},
                          {"AttachTime", attach_time}};
  }
  return made;
}

Json json_of(const vpc::VpcEndpoint& resource) {
  const auto& [id, account, vpc, service, route_tables, policy, created, tags] = resource;
  return {{"Id", id.text()},
          {"Account", account.text},
          {"Vpc", vpc.text()},
          {"Service", service},
          {"RouteTables", ids_json(route_tables)},
          {"Policy", policy},
          {"Created", created},
          {"Tags", tags_json(tags)}};
}

template <class Table>
Json table_json(const Table& table) {
  Json made = Json::array();
  for (const auto& [id, resource] : table) {
    made.push_back(json_of(*resource));
  }
  return made;
}

/// The members of one object. What is missing or of another kind makes `sound` false, and is empty.
class Row {
 public:
  Row(const Json& object, bool& sound) : object_(object), sound_(sound) {}

  [[nodiscard]] bool has(const char* name) const { return object_.is_object() && object_.contains(name); }
  [[nodiscard]] const Json& at(const char* name) const {
    static const Json kNothing;
    if (has(name)) return object_.at(name);
    sound_ = false;
    return kNothing;
  }
  [[nodiscard]] std::string text(const char* name) const { return text_of(at(name)); }
  template <class Number>
  [[nodiscard]] Number number(const char* name) const {
    const Json& found = at(name);
    if (found.is_number_integer()) return found.get<Number>();
    sound_ = false;
    return {};
  }
  [[nodiscard]] bool flag(const char* name) const {
    const Json& found = at(name);
    if (found.is_boolean()) return found.get<bool>();
    sound_ = false;
    return false;
  }
  /// Ids, addresses and blocks.
  template <class Value>
  [[nodiscard]] Value parsed(const char* name) const {
    return parse<Value>(text(name));
  }
  [[nodiscard]] vpc::AccountId account() const { return {text("Account")}; }
  [[nodiscard]] vpc::Tags tags() const {
    vpc::Tags tags;
    const Json& found = at("Tags");
    sound_ = sound_ && found.is_object();
    if (!found.is_object()) return tags;
    for (const auto& [key, value] : found.items()) {
      tags[key] = text_of(value);
    }
    return tags;
  }
  template <class Work>
  void each(const char* name, const Work& work) const {
    const Json& found = at(name);
    sound_ = sound_ && found.is_array();
    if (!found.is_array()) return;
    for (const auto& item : found) {
      work(Row(item, sound_));
    }
  }
  [[nodiscard]] Row row(const char* name) const { return {at(name), sound_}; }
  /// This is a text and no object.
  [[nodiscard]] std::string self() const { return text_of(object_); }
  template <class Value>
  [[nodiscard]] Value parse(const std::string& text) const {
    const auto value = Value::parse(text);
    if (value) return *value;
    sound_ = false;
    return {};
  }

 private:
  [[nodiscard]] std::string text_of(const Json& value) const {
    if (value.is_string()) return value.get<std::string>();
    sound_ = false;
    return {};
  }

  const Json& object_;
  bool& sound_;
};

vpc::Vpc vpc_of(const Row& row) {
  return {.id = row.parsed<vpc::VpcId>("Id"),
          .account = row.account(),
          .number = row.number<std::uint32_t>("Number"),
          .cidr = row.parsed<Ipv4Cidr>("Cidr"),
          .cidr_association = row.parsed<vpc::CidrAssociationId>("CidrAssociation"),
          .main_route_table = row.parsed<vpc::RouteTableId>("MainRouteTable"),
          .default_network_acl = row.parsed<vpc::NetworkAclId>("DefaultNetworkAcl"),
          .default_security_group = row.parsed<vpc::SecurityGroupId>("DefaultSecurityGroup"),
          .dhcp_options = row.parsed<vpc::DhcpOptionsId>("DhcpOptions"),
          .managed = row.flag("Managed"),
          // Not in snapshots of earlier versions.
          .dns_support = !row.has("DnsSupport") || row.flag("DnsSupport"),
          .dns_hostnames = row.has("DnsHostnames") && row.flag("DnsHostnames"),
          .tags = row.tags()};
}

vpc::Subnet subnet_of(const Row& row) {
  vpc::Subnet made{.id = row.parsed<vpc::SubnetId>("Id"),
                   .account = row.account(),
                   .vpc = row.parsed<vpc::VpcId>("Vpc"),
                   .number = row.number<std::uint32_t>("Number"),
                   .cidr = row.parsed<Ipv4Cidr>("Cidr"),
                   .availability_zone = row.text("AvailabilityZone"),
                   .tags = row.tags()};
  if (row.has("RouteTable")) {
    const Row table = row.row("RouteTable");
    made.route_table = {.id = table.parsed<vpc::RouteTableAssociationId>("Association"),
                        .table = table.parsed<vpc::RouteTableId>("Id")};
  }
  return made;
}

vpc::RouteTable route_table_of(const Row& row) {
  vpc::RouteTable made{.id = row.parsed<vpc::RouteTableId>("Id"),
                       .account = row.account(),
                       .vpc = row.parsed<vpc::VpcId>("Vpc"),
                       .number = row.number<std::uint32_t>("Number"),
                       .routes = {},
                       .tags = row.tags()};
  row.each("Routes", [&](const Row& route) {
    made.routes.push_back(
        {route.parsed<Ipv4Cidr>("Destination"), static_cast<vpc::RouteTarget>(route.number<int>("Target"))});
    if (route.has("Interface"))
      made.routes.back().interface = route.parsed<vpc::NetworkInterfaceId>("Interface");
  });
  return made;
}

vpc::NetworkAcl network_acl_of(const Row& row) {
  vpc::NetworkAcl made{.id = row.parsed<vpc::NetworkAclId>("Id"),
                       .account = row.account(),
                       .vpc = row.parsed<vpc::VpcId>("Vpc"),
                       .is_default = row.flag("Default"),
                       .entries = {},
                       .tags = row.tags()};
  row.each("Entries", [&](const Row& entry) {
    made.entries.push_back({.rule_number = entry.number<int>("RuleNumber"),
                            .egress = entry.flag("Egress"),
                            .allow = entry.flag("Allow"),
                            .protocol = entry.number<int>("Protocol"),
                            .from_port = entry.number<int>("FromPort"),
                            .to_port = entry.number<int>("ToPort"),
                            .cidr = entry.parsed<Ipv4Cidr>("Cidr")});
  });
  return made;
}

vpc::SecurityGroup security_group_of(const Row& row) {
  return {.id = row.parsed<vpc::SecurityGroupId>("Id"),
          .account = row.account(),
          .vpc = row.parsed<vpc::VpcId>("Vpc"),
          .name = row.text("Name"),
          .description = row.text("Description"),
          .tags = row.tags()};
}

vpc::SecurityGroupRule rule_of(const Row& row) {
  vpc::SecurityGroupRule made{.id = row.parsed<vpc::SecurityGroupRuleId>("Id"),
                              .account = row.account(),
                              .group = row.parsed<vpc::SecurityGroupId>("Group"),
                              .permission = {.egress = row.flag("Egress"),
                                             .protocol = row.number<int>("Protocol"),
                                             .from_port = row.number<int>("FromPort"),
                                             .to_port = row.number<int>("ToPort"),
                                             .peer = {}},
                              .description = row.text("Description"),
                              .tags = row.tags()};
  if (row.has("PeerCidr")) {
    made.permission.peer = row.parsed<Ipv4Cidr>("PeerCidr");
  } else if (row.has("PeerPrefixList")) {
    made.permission.peer = row.parsed<vpc::PrefixListId>("PeerPrefixList");
  } else {
    made.permission.peer = row.parsed<vpc::SecurityGroupId>("PeerGroup");
  }
  return made;
}

vpc::NetworkInterface network_interface_of(const Row& row) {
  vpc::NetworkInterface made;
  made.id = row.parsed<vpc::NetworkInterfaceId>("Id");
  made.account = row.account();
  made.vpc = row.parsed<vpc::VpcId>("Vpc");
  made.subnet = row.parsed<vpc::SubnetId>("Subnet");
  made.number = row.number<std::uint32_t>("Number");
  made.type = static_cast<vpc::InterfaceType>(row.number<int>("Type"));
  made.address = row.parsed<Ipv4Address>("Address");
  row.each("MoreAddresses", [&](const Row& more) {
    made.more_addresses.push_back(
        {more.parsed<Ipv4Address>("Address"), more.number<std::uint32_t>("Number")});
  });
  made.mac = row.parsed<MacAddress>("Mac");
  row.each("Groups",
           [&](const Row& group) { made.groups.push_back(group.parse<vpc::SecurityGroupId>(group.self())); });
  made.description = row.text("Description");
  row.each("Users", [&](const Row& user) { made.users.insert(user.self()); });
  made.tags = row.tags();
  if (row.has("Attachment")) {
    const Row attachment = row.row("Attachment");
    made.attachment = {.id = attachment.parsed<vpc::AttachmentId>("Id"),
                       .netns = attachment.text("Netns"),
                       .device_index = attachment.number<int>("DeviceIndex"),
                       .attach_time = attachment.text("AttachTime")};
  }
  return made;
}

vpc::VpcEndpoint vpc_endpoint_of(const Row& row) {
  vpc::VpcEndpoint made{.id = row.parsed<vpc::VpcEndpointId>("Id"),
                        .account = row.account(),
                        .vpc = row.parsed<vpc::VpcId>("Vpc"),
                        .service = row.text("Service"),
                        .route_tables = {},
                        .policy = row.text("Policy"),
                        .created = row.text("Created"),
                        .tags = row.tags()};
  row.each("RouteTables",
           [&](const Row& table) { made.route_tables.insert(table.parse<vpc::RouteTableId>(table.self())); });
  return made;
}

void read_accounts(const Row& stored, vpc::State& state) {
  state.accounts.clear();
  stored.each("Accounts", [&](const Row& row) {
    const vpc::Account made{.id = {row.text("Id")}, .name = row.text("Name"), .created = row.text("Created")};
    state.accounts[made.id] = std::make_shared<const vpc::Account>(made);
  });
  stored.each("AccessKeys", [&](const Row& row) {
    const vpc::AccessKey made{.id = row.text("Id"),
                              .account = row.account(),
                              .created = row.text("Created"),
                              .sealed_secret = row.text("SealedSecret")};
    state.access_keys[made.id] = std::make_shared<const vpc::AccessKey>(made);
  });
}

void read_resources(const Row& stored, vpc::State& state) {
  stored.each("Vpcs", [&](const Row& row) { put(state, vpc_of(row)); });
  stored.each("Subnets", [&](const Row& row) { put(state, subnet_of(row)); });
  stored.each("RouteTables", [&](const Row& row) { put(state, route_table_of(row)); });
  stored.each("NetworkAcls", [&](const Row& row) { put(state, network_acl_of(row)); });
  stored.each("SecurityGroups", [&](const Row& row) { put(state, security_group_of(row)); });
  stored.each("SecurityGroupRules", [&](const Row& row) { put(state, rule_of(row)); });
  stored.each("NetworkInterfaces", [&](const Row& row) { put(state, network_interface_of(row)); });
  if (stored.number<int>("Version") >= kFirstWithEndpoints)
    stored.each("VpcEndpoints", [&](const Row& row) { put(state, vpc_endpoint_of(row)); });
  stored.each("ManagedSubnets", [&](const Row& row) {
    state.managed_subnets.insert_or_assign(row.account(), row.parsed<vpc::SubnetId>("Subnet"));
  });
  stored.each("ClientTokens", [&](const Row& row) {
    put_client_token(state, row.text("Key"), {.parameters = row.text("Parameters"), .id = row.text("Id")});
  });
}

}  // namespace

Json encode_state(const vpc::State& state) {
  const auto& [accounts, access_keys, vpcs, subnets, route_tables, network_acls, security_groups,
               security_group_rules, network_interfaces, vpc_endpoints, managed_subnets, client_tokens,
               next_number, access_key_revision, quotas, services, index] = state;
  Json managed = Json::array();
  for (const auto& [account, subnet] : managed_subnets) {
    managed.push_back({{"Account", account.text}, {"Subnet", subnet.text()}});
  }
  Json tokens = Json::array();
  for (const auto& [key, token] : client_tokens) {
    tokens.push_back({{"Key", key}, {"Parameters", token.parameters}, {"Id", token.id}});
  }
  return {{"Version", kVersion},
          {"Accounts", table_json(accounts)},
          {"AccessKeys", table_json(access_keys)},
          {"Vpcs", table_json(vpcs)},
          {"Subnets", table_json(subnets)},
          {"RouteTables", table_json(route_tables)},
          {"NetworkAcls", table_json(network_acls)},
          {"SecurityGroups", table_json(security_groups)},
          {"SecurityGroupRules", table_json(security_group_rules)},
          {"NetworkInterfaces", table_json(network_interfaces)},
          {"VpcEndpoints", table_json(vpc_endpoints)},
          {"ManagedSubnets", std::move(managed)},
          {"ClientTokens", std::move(tokens)},
          {"NextNumber", next_number},
          {"AccessKeyRevision", access_key_revision}};
}

Result<vpc::State> decode_state(const Json& stored) {
  bool sound = true;
  const Row row(stored, sound);
  vpc::State state;
  const int version = row.number<int>("Version");
  if (version < 1 || version > kVersion) sound = false;
  read_accounts(row, state);
  read_resources(row, state);
  state.next_number = row.number<std::uint32_t>("NextNumber");
  state.access_key_revision = row.number<std::uint64_t>("AccessKeyRevision");
  if (sound) return state;
  return Error{.code = "InternalError", .message = "the stored snapshot cannot be read"};
}

}  // namespace caisson::netd::api
