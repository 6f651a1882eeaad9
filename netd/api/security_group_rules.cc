#include "netd/api/describe.hh"
#include "netd/api/permissions.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

constexpr const char* kById = "Groups outside a default VPC are named by id.";

Json to_json(const vpc::State& state, const vpc::SecurityGroupRule& rule) {
  const auto& permission = rule.permission;
  Json json{{"SecurityGroupRuleId", rule.id.text()},
            {"GroupId", rule.group.text()},
            {"GroupOwnerId", rule.account.text},
            {"IsEgress", permission.egress},
            {"IpProtocol", protocol_text(permission.protocol)},
            {"FromPort", permission.from_port},
            {"ToPort", permission.to_port},
            {"Tags", tags_to_json(rule.tags)}};
  if (const auto* block = std::get_if<Ipv4Cidr>(&permission.peer)) {
    json["CidrIpv4"] = block->text();
  } else if (const auto* list = std::get_if<vpc::PrefixListId>(&permission.peer)) {
    json["PrefixListId"] = list->text();
  } else {
    const auto& peer = std::get<vpc::SecurityGroupId>(permission.peer);
    json["ReferencedGroupInfo"] = {{"GroupId", peer.text()}, {"UserId", rule.account.text}};
    const auto* group = vpc::find(state.security_groups, peer);
    if (group != nullptr) json["ReferencedGroupInfo"]["VpcId"] = group->vpc.text();
  }
  if (!rule.description.empty()) json["Description"] = rule.description;
  return json;
}

Result<vpc::Command> decode_authorize(const Json& parameters, bool egress) {
  TRY(auto group, security_group_id(parameters, "GroupId"));
  TRY(auto entries, permissions(parameters, egress));
  TRY(auto created_tags, tags_at_creation(parameters, "security-group-rule"));
  return vpc::AuthorizeSecurityGroup{
      .group = group, .egress = egress, .entries = std::move(entries), .tags = std::move(created_tags)};
}

Json reply_authorize(const vpc::Applied& applied, const vpc::AccountId&, const Json&) {
  Json rules = Json::array();
  for (const auto& id : applied.ids) {
    const auto* rule = vpc::find(applied.state.security_group_rules, *vpc::SecurityGroupRuleId::parse(id));
    rules.push_back(to_json(applied.state, *rule));
  }
  return {{"Return", true}, {"SecurityGroupRules", std::move(rules)}};
}

Result<vpc::Command> decode_revoke(const Json& parameters, bool egress) {
  TRY(auto group, security_group_id(parameters, "GroupId"));
  TRY(auto rules, security_group_rule_ids(parameters, "SecurityGroupRuleIds"));
  TRY(auto entries, permissions(parameters, egress));
  vpc::RevokeSecurityGroup command{.group = group, .egress = egress, .rules = std::move(rules)};
  for (auto& entry : entries)
    command.permissions.push_back(entry.permission);
  return command;
}

Json reply_revoke(const vpc::Applied& applied, const Json& parameters, bool egress) {
  Json revoked = Json::array();
  for (const auto& id : applied.ids) {
    revoked.push_back(
        {{"SecurityGroupRuleId", id}, {"GroupId", parameters.at("GroupId")}, {"IsEgress", egress}});
  }
  return {{"Return", true}, {"RevokedSecurityGroupRules", std::move(revoked)}};
}

std::vector<Member> rule_members(bool egress) {
  std::vector<Member> members{
      required("GroupId", string_shape(), "The group."),
      optional("IpPermissions", ip_permissions_shape(), "The rules."),
      optional("IpProtocol", string_shape(), "Short form of one rule: tcp, udp, icmp, -1 or a number."),
      optional("FromPort", integer_shape(), "Short form: first port, or ICMP type."),
      optional("ToPort", integer_shape(), "Short form: last port, or ICMP code."),
      optional("CidrIp", string_shape(), "Short form: IPv4 block."),
      unsupported("SourceSecurityGroupName", string_shape(), kById),
      unsupported("SourceSecurityGroupOwnerId", string_shape(), kById),
      dry_run_member()};
  if (!egress) members.push_back(unsupported("GroupName", string_shape(), kById));
  return members;
}

Operation authorize(bool egress) {
  auto members = rule_members(egress);
  members.push_back(tag_specifications("security-group-rule"));
  return {.name = egress ? "AuthorizeSecurityGroupEgress" : "AuthorizeSecurityGroupIngress",
          .doc = std::string("Adds rules for what members of a group may ") + (egress ? "send" : "receive") +
                 "; all of them or none.",
          .example = egress ? "--group-id sg-0123456789abcdef0 --protocol tcp --port 443 --cidr 0.0.0.0/0"
                            : "--group-id sg-0123456789abcdef0 --protocol tcp --port 5432 --source-group "
                              "sg-0fedcba9876543210",
          .members = std::move(members),
          .decode = [egress](const Json& parameters) { return decode_authorize(parameters, egress); },
          .reply = reply_authorize};
}

Operation revoke(bool egress) {
  auto members = rule_members(egress);
  members.push_back(optional("SecurityGroupRuleIds", list_of(string_shape()), "Rules by id instead."));
  return {.name = egress ? "RevokeSecurityGroupEgress" : "RevokeSecurityGroupIngress",
          .doc = std::string("Takes rules for what members of a group may ") + (egress ? "send" : "receive") +
                 " away; all of them or none. Tracked flows go on.",
          .example = "--group-id sg-0123456789abcdef0 --security-group-rule-ids sgr-0123456789abcdef0",
          .members = std::move(members),
          .decode = [egress](const Json& parameters) { return decode_revoke(parameters, egress); },
          .reply = [egress](const vpc::Applied& applied, const vpc::AccountId&,
                            const Json& parameters) { return reply_revoke(applied, parameters, egress); }};
}

Result<Json> read(const vpc::State& state, const vpc::AccountId& account, const Json& parameters) {
  const Description<vpc::SecurityGroupRule> description{
      .ids_member = "SecurityGroupRuleIds",
      .list_member = "SecurityGroupRules",
      .filters = {{"group-id", [](const vpc::SecurityGroupRule& r) { return Values{r.group.text()}; }},
                  {"security-group-rule-id",
                   [](const vpc::SecurityGroupRule& r) { return Values{r.id.text()}; }}},
      .to_json = [&state](const vpc::SecurityGroupRule& rule) { return to_json(state, rule); }};
  return describe(state, account, state.security_group_rules, parameters, description);
}

}  // namespace

std::vector<Operation> security_group_rule_operations() {
  return {authorize(false),
          authorize(true),
          revoke(false),
          revoke(true),
          {.name = "DescribeSecurityGroupRules",
           .doc = "Lists the rules of security groups, one by one.",
           .example = "--filters Name=group-id,Values=sg-0123456789abcdef0",
           .members = describe_members("SecurityGroupRuleIds", "group-id, security-group-rule-id"),
           .read = read}};
}

}  // namespace caisson::netd::api
