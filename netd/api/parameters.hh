// Reading members that check_parameters() has passed: their types are known to be right.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/ipv4.hh"
#include "base/result.hh"
#include "vpc/model/ids.hh"
#include "vpc/model/vpc.hh"

namespace caisson::netd::api {

using Json = nlohmann::json;

/// "" when the member is absent.
std::string text_or_empty(const Json& parameters, const char* member);
bool boolean_or_false(const Json& parameters, const char* member);
/// An empty list when the member is absent.
const Json& list_or_empty(const Json& parameters, const char* member);

/// Error InvalidParameterValue when the value is outside [lowest, highest].
Result<int> integer_between(const Json& parameters, const char* member, int otherwise, int lowest,
                            int highest);

/// EC2's ".Malformed" error for the id's type.
Error malformed_id(std::string_view prefix, const std::string& text);

Result<vpc::VpcId> vpc_id(const Json& parameters, const char* member);
Result<vpc::SubnetId> subnet_id(const Json& parameters, const char* member);
Result<vpc::SecurityGroupId> security_group_id(const Json& parameters, const char* member);
Result<vpc::PrefixListId> prefix_list_id(const Json& parameters, const char* member);
Result<vpc::NetworkInterfaceId> network_interface_id(const Json& parameters, const char* member);
Result<vpc::AttachmentId> attachment_id(const Json& parameters, const char* member);
Result<vpc::RouteTableId> route_table_id(const Json& parameters, const char* member);
Result<vpc::RouteTableAssociationId> route_table_association_id(const Json& parameters, const char* member);
Result<vpc::VpcEndpointId> vpc_endpoint_id(const Json& parameters, const char* member);
Result<std::vector<vpc::RouteTableId>> route_table_ids(const Json& parameters, const char* member);
Result<std::vector<vpc::VpcEndpointId>> vpc_endpoint_ids(const Json& parameters, const char* member);
Result<std::vector<vpc::SubnetId>> subnet_ids(const Json& parameters, const char* member);
Result<std::vector<vpc::SecurityGroupId>> security_group_ids(const Json& parameters, const char* member);
Result<std::vector<vpc::SecurityGroupRuleId>> security_group_rule_ids(const Json& parameters,
                                                                      const char* member);

/// Error InvalidParameterValue, with EC2's sentence.
Result<Ipv4Cidr> cidr(const std::string& text, const std::string& parameter);

/// A list of {Key, Value}. Error InvalidParameterValue for a key that is given twice.
Result<vpc::Tags> tags(const Json& list);
/// TagSpecifications at creation. Error InvalidParameterValue for another ResourceType.
Result<vpc::Tags> tags_at_creation(const Json& parameters, const std::string& resource_type);
/// [{"Key","Value"}], sorted by key.
Json tags_to_json(const vpc::Tags& tags);

}  // namespace caisson::netd::api
