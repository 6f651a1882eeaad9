#include "netd/api/parameters.hh"

#include <array>

namespace caisson::netd::api {
namespace {

template <class IdType>
Result<IdType> id_of(const std::string& text) {
  const auto id = IdType::parse(text);
  if (!id) return malformed_id(IdType::prefix(), text);
  return *id;
}

template <class IdType>
Result<std::vector<IdType>> ids_of(const Json& list) {
  std::vector<IdType> ids;
  ids.reserve(list.size());
  for (const auto& text : list) {
    TRY(auto id, id_of<IdType>(text.get<std::string>()));
    ids.push_back(std::move(id));
  }
  return ids;
}

}  // namespace

std::string text_or_empty(const Json& parameters, const char* member) {
  const auto found = parameters.find(member);
  return found == parameters.end() ? std::string() : found->get<std::string>();
}

bool boolean_or_false(const Json& parameters, const char* member) {
  const auto found = parameters.find(member);
  return found != parameters.end() && found->get<bool>();
}

const Json& list_or_empty(const Json& parameters, const char* member) {
  static const Json kEmpty = Json::array();
  const auto found = parameters.find(member);
  return found == parameters.end() ? kEmpty : *found;
}

Result<int> integer_between(const Json& parameters, const char* member, int otherwise, int lowest,
                            int highest) {
  const auto found = parameters.find(member);
  if (found == parameters.end()) return otherwise;
  const auto value = found->get<std::int64_t>();
  if (value < lowest || value > highest) {
    return Error{.code = "InvalidParameterValue",
                 .message = "Value (" + std::to_string(value) + ") for parameter " + member +
                            " is invalid. It must be between " + std::to_string(lowest) + " and " +
                            std::to_string(highest) + "."};
  }
  return static_cast<int>(value);
}

Error malformed_id(std::string_view prefix, const std::string& text) {
  struct Code {
    std::string_view prefix;
    const char* code;
  };
  static constexpr std::array<Code, 11> kCodes{{{"vpc", "InvalidVpcID.Malformed"},
                                                {"subnet", "InvalidSubnetID.Malformed"},
                                                {"sg", "InvalidGroupId.Malformed"},
                                                {"sgr", "InvalidSecurityGroupRuleId.Malformed"},
                                                {"eni", "InvalidNetworkInterfaceID.Malformed"},
                                                {"eni-attach", "InvalidAttachmentID.Malformed"},
                                                {"rtb", "InvalidRouteTableID.Malformed"},
                                                {"rtbassoc", "InvalidAssociationID.Malformed"},
                                                {"vpce", "InvalidVpcEndpointId.Malformed"},
                                                {"pl", "InvalidPrefixListID.Malformed"},
                                                {"acl", "InvalidNetworkAclID.Malformed"}}};
  const char* code = "InvalidID";
  for (const auto& candidate : kCodes) {
    if (candidate.prefix == prefix) code = candidate.code;
  }
  return {.code = code,
          .message = "Invalid id: \"" + text + "\" (expecting \"" + std::string(prefix) + "-...\")"};
}

Result<vpc::VpcId> vpc_id(const Json& parameters, const char* member) {
  return id_of<vpc::VpcId>(parameters.at(member).get<std::string>());
}
Result<vpc::SubnetId> subnet_id(const Json& parameters, const char* member) {
  return id_of<vpc::SubnetId>(parameters.at(member).get<std::string>());
}
Result<vpc::SecurityGroupId> security_group_id(const Json& parameters, const char* member) {
  return id_of<vpc::SecurityGroupId>(parameters.at(member).get<std::string>());
}
Result<vpc::PrefixListId> prefix_list_id(const Json& parameters, const char* member) {
  return id_of<vpc::PrefixListId>(parameters.at(member).get<std::string>());
}
Result<vpc::NetworkInterfaceId> network_interface_id(const Json& parameters, const char* member) {
  return id_of<vpc::NetworkInterfaceId>(parameters.at(member).get<std::string>());
}
Result<vpc::AttachmentId> attachment_id(const Json& parameters, const char* member) {
  return id_of<vpc::AttachmentId>(parameters.at(member).get<std::string>());
}
Result<vpc::RouteTableId> route_table_id(const Json& parameters, const char* member) {
  return id_of<vpc::RouteTableId>(parameters.at(member).get<std::string>());
}
Result<vpc::RouteTableAssociationId> route_table_association_id(const Json& parameters, const char* member) {
  return id_of<vpc::RouteTableAssociationId>(parameters.at(member).get<std::string>());
}
Result<vpc::VpcEndpointId> vpc_endpoint_id(const Json& parameters, const char* member) {
  return id_of<vpc::VpcEndpointId>(parameters.at(member).get<std::string>());
}
Result<std::vector<vpc::RouteTableId>> route_table_ids(const Json& parameters, const char* member) {
  return ids_of<vpc::RouteTableId>(list_or_empty(parameters, member));
}
Result<std::vector<vpc::VpcEndpointId>> vpc_endpoint_ids(const Json& parameters, const char* member) {
  return ids_of<vpc::VpcEndpointId>(list_or_empty(parameters, member));
}
Result<std::vector<vpc::SubnetId>> subnet_ids(const Json& parameters, const char* member) {
  return ids_of<vpc::SubnetId>(list_or_empty(parameters, member));
}
Result<std::vector<vpc::SecurityGroupId>> security_group_ids(const Json& parameters, const char* member) {
  return ids_of<vpc::SecurityGroupId>(list_or_empty(parameters, member));
}
Result<std::vector<vpc::SecurityGroupRuleId>> security_group_rule_ids(const Json& parameters,
                                                                      const char* member) {
  return ids_of<vpc::SecurityGroupRuleId>(list_or_empty(parameters, member));
}

Result<Ipv4Cidr> cidr(const std::string& text, const std::string& parameter) {
  const auto parsed = Ipv4Cidr::parse(text);
  if (!parsed) {
    return Error{.code = "InvalidParameterValue",
                 .message = "Value (" + text + ") for parameter " + parameter +
                            " is invalid. This is not a valid CIDR block."};
  }
  return *parsed;
}

Result<vpc::Tags> tags(const Json& list) {
  vpc::Tags tags;
  for (const auto& tag : list) {
    const auto key = tag.at("Key").get<std::string>();
    if (!tags.emplace(key, text_or_empty(tag, "Value")).second) {
      return Error{.code = "InvalidParameterValue", .message = "Duplicate tag key '" + key + "' specified."};
    }
  }
  return tags;
}

Result<vpc::Tags> tags_at_creation(const Json& parameters, const std::string& resource_type) {
  Json list = Json::array();
  for (const auto& specification : list_or_empty(parameters, "TagSpecifications")) {
    const auto type = specification.at("ResourceType").get<std::string>();
    if (type != resource_type) {
      return Error{.code = "InvalidParameterValue",
                   .message = "'" + type +
                              "' is not a valid taggable resource type for this operation; it is '" +
                              resource_type + "'."};
    }
    for (const auto& tag : list_or_empty(specification, "Tags"))
      list.push_back(tag);
  }
  return tags(list);
}

Json tags_to_json(const vpc::Tags& tags) {
  Json list = Json::array();
  for (const auto& [key, value] : tags)
    list.push_back({{"Key", key}, {"Value", value}});
  return list;
}

}  // namespace caisson::netd::api
