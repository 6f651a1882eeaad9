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
  const Index& index = change.state.index;
  for (const auto& [id, group] : index.in(command.vpc).security_groups) {
    if (lower_case(group->name) == lower_case(command.name)) {
      return Error{.code = "InvalidGroup.Duplicate",
                   .message = "The security group '" + command.name + "' already exists for VPC '" +
                              command.vpc.text() + "'"};
    }
  }
  const SubnetId* managed = change.state.managed_subnets.value_at(change.account());
  const std::size_t hidden =
      managed == nullptr ? 0 : index.in(find(change.state.subnets, *managed)->vpc).security_groups.size();
  if (index.of(change.account()).security_groups - hidden >= change.state.quotas.security_groups) {
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
  put(change.state, std::move(group));
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
  const auto& inside = change.state.index.in(group.vpc);
  const auto& interfaces = inside.network_interfaces;
  const bool used = std::any_of(interfaces.begin(), interfaces.end(), [&](const auto& row) {
    return std::binary_search(row.second->groups.begin(), row.second->groups.end(), group.id);
  });
  bool referenced = false;
  for (const auto& [other, resource] : inside.security_groups) {
    if (other == group.id) continue;
    for_each_rule(change.state, other, [&](const auto& rule) {
      const auto* peer = std::get_if<SecurityGroupId>(&rule->permission.peer);
      referenced |= peer != nullptr && *peer == group.id;
    });
  }
  if (used || referenced) {
    return Error{.code = "DependencyViolation",
                 .message = "resource " + group.id.text() + " has a dependent object"};
  }
  erase_rules(change, group.id);
  erase(change.state, group.id);
  change.touched.insert(group.vpc);
  return ok();
}

}  // namespace caisson::vpc
