#include "cli/print.hh"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace caisson::cli {
namespace {

using Json = nlohmann::json;
using Row = std::vector<std::string>;

/// A scalar as a cell, "-" for nothing.
std::string cell(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get_ref<const std::string&>().empty() ? "-" : value.get<std::string>();
  if (!value.is_array()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string text;
  for (const auto& item : value)
    text += (text.empty() ? "" : ",") + cell(item);
  return text.empty() ? "-" : text;
}

std::string member(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  return found == object.end() ? "-" : cell(*found);
}

std::string tag_name(const Json& object) {
  for (const char* list : {"Tags", "TagSet"}) {
    for (const auto& tag : object.value(list, Json::array())) {
      if (tag.value("Key", "") == "Name") return cell(tag.value("Value", Json()));
    }
  }
  return "-";
}

/// The members of a resource that its table shows; "Name" is the tag.
const std::map<std::string, Row>& main_members() {
  static const std::map<std::string, Row> kMembers{
      {"Vpcs", {"VpcId", "CidrBlock", "State", "Name"}},
      {"Subnets", {"SubnetId", "VpcId", "CidrBlock", "AvailabilityZone", "AvailableIpAddressCount", "Name"}},
      {"SecurityGroups", {"GroupId", "VpcId", "GroupName", "Description", "Name"}},
      {"SecurityGroupRules",
       {"SecurityGroupRuleId", "GroupId", "IsEgress", "IpProtocol", "FromPort", "ToPort", "Peer",
        "Description"}},
      {"NetworkInterfaces",
       {"NetworkInterfaceId", "SubnetId", "PrivateIpAddress", "InterfaceType", "Status", "Groups",
        "InstanceId", "Name"}},
      {"RouteTables", {"RouteTableId", "VpcId", "Routes", "Name"}},
      {"NetworkAcls", {"NetworkAclId", "VpcId", "IsDefault", "Name"}}};
  return kMembers;
}

std::string joined(const Json& list, const char* name) {
  Row parts;
  for (const auto& item : list)
    parts.push_back(member(item, name));
  return cell(Json(parts));
}

std::string main_member(const Json& resource, const std::string& name) {
  if (name == "Name") return tag_name(resource);
  if (name == "Peer") {
    const auto group = resource.find("ReferencedGroupInfo");
    return group == resource.end() ? member(resource, "CidrIpv4") : member(*group, "GroupId");
  }
  if (name == "InstanceId") return member(resource.value("Attachment", Json::object()), name);
  if (name == "Groups") return joined(resource.value(name, Json::array()), "GroupId");
  if (name == "Routes") return joined(resource.value(name, Json::array()), "DestinationCidrBlock");
  return member(resource, name);
}

std::string upper_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

/// Rows of the named members of each item.
std::string table_of(const Json& list, const Row& members) {
  Row header;
  for (const auto& name : members)
    header.push_back(upper_case(name));
  std::vector<Row> rows;
  for (const auto& item : list) {
    Row row;
    for (const auto& name : members)
      row.push_back(main_member(item, name));
    rows.push_back(std::move(row));
  }
  return table(header, rows);
}

bool is_scalar(const Json& value) {
  return !value.is_structured() || value.empty();
}

void indented(const Json& value, std::size_t depth, std::string& text) {
  const std::string margin(2 * depth, ' ');
  const auto line = [&](const std::string& name, const Json& child) {
    if (is_scalar(child)) {
      text += margin + name + (child.is_structured() ? "-" : cell(child)) + "\n";
    } else {
      text += margin + name + "\n";
      indented(child, depth + 1, text);
    }
  };
  if (value.is_object()) {
    for (const auto& [name, child] : value.items())
      line(name + ": ", child);
  } else {
    for (const auto& child : value)
      line("- ", child);
  }
}

std::string protocol_name(const Json& flow) {
  const auto number = flow.value("Protocol", -1);
  return number == 6 ? "tcp" : number == 17 ? "udp" : number == 1 ? "icmp" : std::to_string(number);
}

std::string interface_line(const Json& interface) {
  std::string text = member(interface, "NetworkInterfaceId") + "  " + member(interface, "PrivateIpAddress") +
                     "  " + member(interface, "InterfaceType") + "  " + member(interface, "Status") + "  " +
                     member(interface, "Groups");
  return text;
}

/// One node of the tree and, below it, its children.
struct Node {
  std::string text;
  std::vector<Node> children;
};

void draw(const std::vector<Node>& nodes, const std::string& margin, std::string& text) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const bool last = i + 1 == nodes.size();
    text += margin + (last ? "`-- " : "|-- ") + nodes[i].text + "\n";
    draw(nodes[i].children, margin + (last ? "    " : "|   "), text);
  }
}

Node interface_node(const Json& interface) {
  Node node{interface_line(interface), {}};
  const auto attachment = interface.find("Attachment");
  if (attachment != interface.end() && attachment->is_object()) {
    node.children.push_back(
        {"member " + member(*attachment, "InstanceId") + "  port " + member(*attachment, "Port"), {}});
  }
  for (const auto& slot : interface.value("Slots", Json::array())) {
    node.children.push_back({"slot " + member(slot, "Slot") + "  " + member(slot, "Tap") + "  " +
                                 member(slot, "State") + "  port block " + member(slot, "Block"),
                             {}});
  }
  return node;
}

Node vpc_node(const Json& vpc) {
  const bool managed = vpc.value("Managed", false);
  Node node{"VPC " + member(vpc, "VpcId") + "  " + member(vpc, "CidrBlock") + (managed ? "  managed" : ""),
            {}};
  for (const auto& subnet : vpc.value("Subnets", Json::array())) {
    Node child{"subnet " + member(subnet, "SubnetId") + "  " + member(subnet, "CidrBlock") + "  bridge " +
                   member(subnet, "Bridge"),
               {}};
    for (const auto& interface : subnet.value("NetworkInterfaces", Json::array())) {
      child.children.push_back(interface_node(interface));
    }
    node.children.push_back(std::move(child));
  }
  return node;
}

std::string address_and_port(const Json& flow, const char* address, const char* port) {
  return member(flow, address) + ":" + member(flow, port);
}

}  // namespace

std::string table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return "";
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < header.size(); ++column) {
    std::size_t width = header[column].size();
    for (const auto& row : rows)
      width = std::max(width, row[column].size());
    widths.push_back(width);
  }
  const auto line = [&](const Row& row) {
    std::string text;
    for (std::size_t column = 0; column < row.size(); ++column) {
      text += row[column];
      if (column + 1 < row.size()) text += std::string(widths[column] - row[column].size() + 2, ' ');
    }
    return text + "\n";
  };
  std::string text = line(header);
  for (const auto& row : rows)
    text += line(row);
  return text;
}

std::string reply_text(const Json& reply) {
  for (const auto& [list, members] : main_members()) {
    const auto found = reply.find(list);
    if (found == reply.end()) continue;
    std::string text = table_of(*found, members);
    if (reply.contains("NextToken")) text += "NextToken: " + cell(reply["NextToken"]) + "\n";
    return text;
  }
  std::string text;
  indented(reply, 0, text);
  return text;
}

std::string describe_text(const Json& reply) {
  std::string text;
  for (const auto& account : reply.value("Accounts", Json::array())) {
    text += "account " + member(account, "AccountId") + "\n";
    std::vector<Node> vpcs;
    for (const auto& vpc : account.value("Vpcs", Json::array()))
      vpcs.push_back(vpc_node(vpc));
    draw(vpcs, "", text);
  }
  const auto pool = reply.find("SlotPool");
  if (pool != reply.end())
    text += "slots: " + member(*pool, "Free") + " of " + member(*pool, "Total") + " free\n";
  return text;
}

std::string flows_text(const Json& reply) {
  std::vector<Row> rows;
  for (const auto& flow : reply.value("Flows", Json::array())) {
    rows.push_back({member(flow, "NetworkInterfaceId"), member(flow, "Direction"), protocol_name(flow),
                    address_and_port(flow, "Source", "SourcePort"),
                    address_and_port(flow, "Destination", "DestinationPort"), member(flow, "Action"),
                    member(flow, "Reason"), member(flow, "RuleId"), member(flow, "Packets"),
                    member(flow, "Bytes"), member(flow, "LastSeen")});
  }
  return table({"INTERFACE", "DIRECTION", "PROTOCOL", "SOURCE", "DESTINATION", "ACTION", "REASON", "RULE",
                "PACKETS", "BYTES", "LAST SEEN"},
               rows);
}

std::string drops_text(const Json& reply) {
  return table_of(reply.value("Drops", Json::array()),
                  {"NetworkInterfaceId", "Port", "Reason", "Packets", "Bytes", "LastSeen"});
}

std::string plan_text(const Json& reply) {
  const Json plan = reply.value("Plan", Json::array());
  if (plan.empty()) return "Kernel and model agree.\n";
  return table_of(plan, {"Operation", "Object", "Reason"});
}

}  // namespace caisson::cli
