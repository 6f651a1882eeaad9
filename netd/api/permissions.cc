#include "netd/api/permissions.hh"

#include <charconv>
#include <map>
#include <tuple>

#include "netd/api/parameters.hh"
#include "netd/api/shapes.hh"
#include "vpc/apply/index.hh"

namespace caisson::netd::api {
namespace {

using Entries = std::vector<vpc::AuthorizeSecurityGroup::Entry>;

Result<int> protocol_number(const std::string& text) {
  if (text == "tcp") return vpc::kTcp;
  if (text == "udp") return vpc::kUdp;
  if (text == "icmp") return vpc::kIcmp;
  if (text == "-1" || text == "all") return vpc::kAllProtocols;
  if (text == "icmpv6" || text == "58") {
    return Error{.code = "InvalidParameterValue",
                 .message = "ICMPv6 is not supported: Caisson has IPv4 only."};
  }
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > 255) {
    return Error{
        .code = "InvalidPermission.Malformed",
        .message = "Unsupported IP protocol \"" + text + "\" - supported: [tcp, udp, icmp, -1, 0 to 255]"};
  }
  return number;
}

/// Protocol and ports of a permission, in either form.
Result<vpc::Permission> without_peer(const Json& json, bool egress) {
  if (!json.contains("IpProtocol")) {
    return Error{.code = "MissingParameter", .message = "The request must contain the parameter ipProtocol"};
  }
  TRY(auto protocol, protocol_number(json.at("IpProtocol")));
  TRY(auto from, integer_between(json, "FromPort", -1, -1, 65535));
  TRY(auto to, integer_between(json, "ToPort", -1, -1, 65535));
  return vpc::Permission{.egress = egress, .protocol = protocol, .from_port = from, .to_port = to};
}

Status add_permission(const Json& json, bool egress, Entries& entries) {
  TRY(auto permission, without_peer(json, egress));
  const auto& ranges = list_or_empty(json, "IpRanges");
  const auto& pairs = list_or_empty(json, "UserIdGroupPairs");
  const auto& lists = list_or_empty(json, "PrefixListIds");
  for (const auto& range : ranges) {
    TRY(auto block, cidr(range.at("CidrIp"), "cidrIp"));
    permission.peer = block;
    entries.push_back({permission, text_or_empty(range, "Description")});
  }
  for (const auto& pair : pairs) {
    TRY(auto group, security_group_id(pair, "GroupId"));
    permission.peer = group;
    entries.push_back({permission, text_or_empty(pair, "Description")});
  }
  for (const auto& list : lists) {
    TRY(auto id, prefix_list_id(list, "PrefixListId"));
    permission.peer = id;
    entries.push_back({permission, text_or_empty(list, "Description")});
  }
  if (ranges.empty() && pairs.empty() && lists.empty()) {
    return Error{
        .code = "InvalidPermission.Malformed",
        .message = "A permission needs at least one of IpRanges, UserIdGroupPairs and PrefixListIds"};
  }
  return ok();
}

bool has_short_form(const Json& parameters) {
  return parameters.contains("IpProtocol") || parameters.contains("CidrIp") ||
         parameters.contains("FromPort") || parameters.contains("ToPort");
}

/// The member of a permission that has peers of this kind.
const char* member_of(const vpc::Peer& peer) {
  if (std::holds_alternative<Ipv4Cidr>(peer)) return "IpRanges";
  return std::holds_alternative<vpc::PrefixListId>(peer) ? "PrefixListIds" : "UserIdGroupPairs";
}

Json peer_json(const vpc::SecurityGroupRule& rule) {
  Json json;
  if (const auto* block = std::get_if<Ipv4Cidr>(&rule.permission.peer)) {
    json = {{"CidrIp", block->text()}};
  } else if (const auto* list = std::get_if<vpc::PrefixListId>(&rule.permission.peer)) {
    json = {{"PrefixListId", list->text()}};
  } else {
    json = {{"GroupId", std::get<vpc::SecurityGroupId>(rule.permission.peer).text()},
            {"UserId", rule.account.text}};
  }
  if (!rule.description.empty()) json["Description"] = rule.description;
  return json;
}

}  // namespace

Shape ip_permissions_shape() {
  const auto text = string_shape();
  return list_of(structure(
      {required("IpProtocol", text, "tcp, udp, icmp, -1 (all) or a protocol number."),
       optional("FromPort", integer_shape(), "First port, or ICMP type; -1 is any type."),
       optional("ToPort", integer_shape(), "Last port, or ICMP code; -1 is any code."),
       optional("IpRanges",
                list_of(structure({required("CidrIp", text, "IPv4 block."),
                                   optional("Description", text, "Up to 255 characters.")})),
                "Blocks of addresses, a rule for each."),
       optional(
           "UserIdGroupPairs",
           list_of(structure(
               {required("GroupId", text, "A group of the same VPC: the addresses of its members."),
                optional("UserId", text, "The group's account."), optional("VpcId", text, "The group's VPC."),
                optional("Description", text, "Up to 255 characters."),
                unsupported("GroupName", text, "Groups outside a default VPC are named by id."),
                unsupported("VpcPeeringConnectionId", text, "There is no VPC peering."),
                unsupported("PeeringStatus", text, "There is no VPC peering.")})),
           "Security groups, a rule for each."),
       unsupported("Ipv6Ranges",
                   list_of(structure({optional("CidrIpv6", text, ""), optional("Description", text, "")})),
                   "Caisson has IPv4 only."),
       optional("PrefixListIds",
                list_of(structure({required("PrefixListId", text, "A service's prefix list: its addresses."),
                                   optional("Description", text, "Up to 255 characters.")})),
                "Prefix lists, a rule for each.")}));
}

Result<Entries> permissions(const Json& parameters, bool egress) {
  Entries entries;
  for (const auto& json : list_or_empty(parameters, "IpPermissions")) {
    TRYV(add_permission(json, egress, entries));
  }
  if (!has_short_form(parameters)) return entries;
  if (!entries.empty()) {
    return Error{
        .code = "InvalidParameterCombination",
        .message = "The parameter ipPermissions cannot be used with ipProtocol, fromPort, toPort or cidrIp"};
  }
  TRY(auto permission, without_peer(parameters, egress));
  if (!parameters.contains("CidrIp")) {
    return Error{.code = "MissingParameter", .message = "The request must contain the parameter cidrIp"};
  }
  TRY(auto block, cidr(parameters.at("CidrIp"), "cidrIp"));
  permission.peer = block;
  entries.push_back({permission, ""});
  return entries;
}

Json ip_permissions(const vpc::State& state, const vpc::SecurityGroupId& group, bool egress) {
  std::map<std::tuple<int, int, int>, Json> grouped;
  vpc::for_each_rule(state, group, [&](const auto& rule) {
    const auto& permission = rule->permission;
    if (permission.egress != egress) return;
    auto& json = grouped[{permission.protocol, permission.from_port, permission.to_port}];
    if (json.is_null()) {
      json = {{"IpProtocol", protocol_text(permission.protocol)},
              {"IpRanges", Json::array()},
              {"Ipv6Ranges", Json::array()},
              {"PrefixListIds", Json::array()},
              {"UserIdGroupPairs", Json::array()}};
      if (permission.protocol != vpc::kAllProtocols) {
        json["FromPort"] = permission.from_port;
        json["ToPort"] = permission.to_port;
      }
    }
    json[member_of(permission.peer)].push_back(peer_json(*rule));
  });
  Json list = Json::array();
  for (auto& [key, json] : grouped)
    list.push_back(std::move(json));
  return list;
}

std::string protocol_text(int protocol) {
  switch (protocol) {
    case vpc::kTcp:
      return "tcp";
    case vpc::kUdp:
      return "udp";
    case vpc::kIcmp:
      return "icmp";
    default:
      return std::to_string(protocol);
  }
}

}  // namespace caisson::netd::api
