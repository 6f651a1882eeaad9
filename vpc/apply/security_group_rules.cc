#include <algorithm>

#include "vpc/apply/change.hh"
#include "vpc/apply/lookup.hh"
#include "vpc/apply/text.hh"

namespace caisson::vpc {
namespace {

Error invalid_range(const std::string& value) {
  return {.code = "InvalidParameterValue", .message = "Invalid value '" + value + "' for portRange."};
}

/// The one form in which a permission is kept, so that equal rules compare equal.
/// Errors: InvalidParameterValue, InvalidPermission.Malformed.
Result<Permission> normalised(Permission permission, bool egress) {
  permission.egress = egress;
  if (permission.protocol < kAllProtocols || permission.protocol > 255) {
    return Error{.code = "InvalidPermission.Malformed",
                 .message = "Unsupported IP protocol \"" + std::to_string(permission.protocol) +
                            "\" - supported: [tcp, udp, icmp, -1 or a number up to 255]"};
  }
  const int from = permission.from_port;
  const int to = permission.to_port;
  switch (permission.protocol) {
    case kTcp:
    case kUdp:
      if (from < 0 || to < 0) return invalid_range("Must specify both from and to ports with TCP/UDP.");
      if (from > to || to > 65535) return invalid_range(std::to_string(from) + "-" + std::to_string(to));
      return permission;
    case kIcmp:
      if (from < -1 || from > 255 || to < -1 || to > 255 || (from == -1 && to != -1)) {
        return Error{.code = "InvalidParameterValue",
                     .message = "ICMP type (" + std::to_string(from) + ") and code (" + std::to_string(to) +
                                ") must be between -1 and 255; with type -1 the code is -1, too."};
      }
      return permission;
    default:  // a protocol number without ports: EC2 lets such rules cover everything of the protocol
      permission.from_port = permission.to_port = -1;
      return permission;
  }
}

/// A reference counts as one rule, whatever the list holds: EC2's weight of the gateway endpoints' lists (VPC User Guide,
/// "AWS-managed prefix lists").
Status check_prefix_list(const Change& change, const PrefixListId& id) {
  if (find_prefix_list(change.state.services, id) != nullptr) return ok();
  return Error{.code = "InvalidPrefixListID.NotFound",
               .message = "The prefix list ID '" + id.text() + "' does not exist"};
}

Status check_peer(const Change& change, const SecurityGroup& group, const Permission& permission) {
  if (const auto* list = std::get_if<PrefixListId>(&permission.peer)) return check_prefix_list(change, *list);
  const auto* peer = std::get_if<SecurityGroupId>(&permission.peer);
  if (peer == nullptr) return ok();
  TRY(const auto* other, get_visible(change.state, change.account(), *peer));
  if (other->vpc != group.vpc) {
    return Error{.code = "InvalidGroup.NotFound",
                 .message = "You have specified two resources that belong to different networks: " +
                            group.id.text() + " and " + peer->text()};
  }
  return ok();
}

std::string describe(const Permission& permission) {
  const std::string peer = std::visit([](const auto& it) { return it.text(); }, permission.peer);
  const bool all = permission.protocol == kAllProtocols;
  return "\"peer: " + peer + ", " + (all ? "ALL" : "protocol " + std::to_string(permission.protocol)) +
         (permission.from_port < 0 ? ""
                                   : ", from port: " + std::to_string(permission.from_port) +
                                         ", to port: " + std::to_string(permission.to_port)) +
         ", ALLOW\"";
}

/// The group's rules of one direction.
std::map<Permission, SecurityGroupRuleId> rules_of(const State& state, const SecurityGroupId& group,
                                                   bool egress) {
  std::map<Permission, SecurityGroupRuleId> rules;
  for_each_rule(state, group, [&](const auto& rule) {
    if (rule->permission.egress == egress) rules.emplace(rule->permission, rule->id);
  });
  return rules;
}

Status revoke_by_id(Change& change, const RevokeSecurityGroup& command) {
  for (const auto& id : command.rules) {
    const auto* rule = find(change.state.security_group_rules, id);
    if (rule == nullptr || rule->group != command.group || rule->permission.egress != command.egress) {
      return not_found(id);
    }
    erase(change.state, id);
    change.ids.push_back(id.text());
  }
  return ok();
}

Status revoke_by_permission(Change& change, const RevokeSecurityGroup& command) {
  auto rules = rules_of(change.state, command.group, command.egress);
  for (const auto& wanted : command.permissions) {
    TRY(auto permission, normalised(wanted, command.egress));
    const auto found = rules.find(permission);
    if (found == rules.end()) {
      return Error{
          .code = "InvalidPermission.NotFound",
          .message = "The specified rule does not exist in this security group: " + describe(permission)};
    }
    erase(change.state, found->second);
    change.ids.push_back(found->second.text());
    rules.erase(found);
  }
  return ok();
}

}  // namespace

SecurityGroupRuleId make_rule(Change& change, const SecurityGroupId& group, const Permission& permission,
                              std::string description, Tags tags) {
  SecurityGroupRule rule{.id = change.fresh<SecurityGroupRuleId>(),
                         .account = change.account(),
                         .group = group,
                         .permission = permission,
                         .description = std::move(description),
                         .tags = std::move(tags)};
  SecurityGroupRuleId id = rule.id;
  put(change.state, std::move(rule));
  return id;
}

void erase_rules(Change& change, const SecurityGroupId& group) {
  std::vector<SecurityGroupRuleId> ids;
  for_each_rule(change.state, group, [&](const auto& rule) { ids.push_back(rule->id); });
  for (const auto& id : ids) {
    erase(change.state, id);
  }
}

Status apply_to(Change& change, const AuthorizeSecurityGroup& command) {
  TRYV(check_tags(change.state, command.tags));
  TRY(const auto* group, get_visible(change.state, change.account(), command.group));
  if (command.entries.empty()) {
    return Error{.code = "MissingParameter",
                 .message = "The request must contain the parameter ipPermissions with at least one rule"};
  }
  auto rules = rules_of(change.state, command.group, command.egress);
  for (const auto& entry : command.entries) {
    TRY(auto permission, normalised(entry.permission, command.egress));
    TRYV(check_text("description", entry.description));
    TRYV(check_peer(change, *group, permission));
    if (rules.contains(permission)) {
      return Error{.code = "InvalidPermission.Duplicate",
                   .message = "the specified rule " + describe(permission) + " already exists"};
    }
    if (rules.size() >= change.state.quotas.rules_per_direction) {
      return Error{.code = "RulesPerSecurityGroupLimitExceeded",
                   .message = "The maximum number of rules per security group has been reached."};
    }
    const auto id = make_rule(change, command.group, permission, entry.description, command.tags);
    rules.emplace(permission, id);
    change.ids.push_back(id.text());
  }
  change.touched.insert(group->vpc);
  return ok();
}

Status apply_to(Change& change, const RevokeSecurityGroup& command) {
  TRY(const auto* group, get_visible(change.state, change.account(), command.group));
  if (!command.rules.empty() && !command.permissions.empty()) {
    return Error{.code = "InvalidParameterCombination",
                 .message = "Give either securityGroupRuleIds or ipPermissions, not both"};
  }
  if (command.rules.empty() && command.permissions.empty()) {
    return Error{.code = "MissingParameter",
                 .message = "The request must contain the parameter ipPermissions or securityGroupRuleIds"};
  }
  TRYV(command.rules.empty() ? revoke_by_permission(change, command) : revoke_by_id(change, command));
  change.touched.insert(group->vpc);
  return ok();
}

}  // namespace caisson::vpc
