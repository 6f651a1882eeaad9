#include <algorithm>
#include <cctype>
#include <string_view>

#include "vpc/apply/change.hh"
#include "vpc/apply/lookup.hh"
#include "vpc/apply/text.hh"

namespace caisson::vpc {
namespace {

Status check_name(const std::string& name) {
  TRYV(check_text("groupName", name));
  if (name.empty()) {
    return Error{.code = "MissingParameter", .message = "The request must contain the parameter groupName"};
  }
  if (lower_case(name) == "default") {
    return Error{.code = "InvalidGroup.Reserved", .message = "The security group 'default' is reserved"};
  }
  if (lower_case(name).starts_with("sg-")) {
    return Error{
        .code = "InvalidParameterValue",
        .message = "Value (" + name +
                   ") for parameter GroupName is invalid. Group names may not be in the format sg-*"};
  }
  return ok();
}

Status check_unique(const Change& change, const CreateSecurityGroup& command) {
  std::size_t count = 0;
  for (const auto& [id, group] : change.state.security_groups) {
    count += is_visible(change.state, change.account(), group->vpc) ? 1 : 0;
    if (group->vpc == command.vpc && lower_case(group->name) == lower_case(command.name)) {
      return Error{.code = "InvalidGroup.Duplicate",
                   .message = "The security group '" + command.name + "' already exists for VPC '" +
                              command.vpc.text() + "'"};
    }
  }
  if (count >= change.state.quotas.security_groups) {
    return Error{.code = "SecurityGroupLimitExceeded",
                 .message = "The maximum number of security groups has been reached."};
  }
  return ok();
}

}  // namespace

Status apply_to(Change& change, const CreateSecurityGroup& command) {
  TRYV(check_tags(change.state, command.tags));
  TRY(const auto* vpc, get_visible(change.state, change.account(), command.vpc));
  TRYV(check_name(command.name));
  TRYV(check_text("groupDescription", command.description));
  if (command.description.empty()) {
    return Error{.code = "MissingParameter",
                 .message = "The request must contain the parameter GroupDescription"};
  }
  TRYV(check_unique(change, command));
  SecurityGroup group{.id = change.fresh<SecurityGroupId>(),
                      .account = change.account(),
                      .vpc = vpc->id,
                      .name = command.name,
                      .description = command.description,
                      .tags = command.tags};
  make_rule(change, group.id, {.egress = true, .peer = Ipv4Cidr({0}, 0)}, "", {});
  change.ids.push_back(group.id.text());
  change.touched.insert(group.vpc);
  put(change.state.security_groups, std::move(group));
  return ok();
}

Status apply_to(Change& change, const DeleteSecurityGroup& command) {
  TRY(const auto* found, get_visible(change.state, change.account(), command.group));
  const SecurityGroup group = *found;
  if (find(change.state.vpcs, group.vpc)->default_security_group == group.id) {
    return Error{.code = "CannotDelete",
                 .message = "the specified group: \"" + group.id.text() +
                            "\" name: \"default\" cannot be deleted by a user"};
  }
  const auto& interfaces = change.state.network_interfaces;
  const bool used = std::any_of(interfaces.begin(), interfaces.end(), [&](const auto& row) {
    return std::binary_search(row.second->groups.begin(), row.second->groups.end(), group.id);
  });
  const auto& rules = change.state.security_group_rules;
  const bool referenced = std::any_of(rules.begin(), rules.end(), [&](const auto& row) {
    const auto* peer = std::get_if<SecurityGroupId>(&row.second->permission.peer);
    return peer != nullptr && *peer == group.id && row.second->group != group.id;
  });
  if (used || referenced) {
    return Error{.code = "DependencyViolation",
                 .message = "resource " + group.id.text() + " has a dependent object"};
  }
  std::erase_if(change.state.security_group_rules,
                [&](const auto& row) { return row.second->group == group.id; });
  change.state.security_groups.erase(group.id);
  change.touched.insert(group.vpc);
  return ok();
}

}  // namespace caisson::vpc
