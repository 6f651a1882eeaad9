#include "netd/api/describe.hh"
#include "netd/api/permissions.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

constexpr const char* kById = "Groups outside a default VPC are named by id.";

std::string arn(const vpc::SecurityGroup& group) {
  return std::string("arn:aws:ec2:") + kRegion + ":" + group.account.text + ":security-group/" +
         group.id.text();
}

Json to_json(const vpc::State& state, const vpc::SecurityGroup& group) {
  Json json{{"Description", group.description},
            {"GroupName", group.name},
            {"IpPermissions", ip_permissions(state, group.id, false)},
            {"IpPermissionsEgress", ip_permissions(state, group.id, true)},
            {"OwnerId", group.account.text},
            {"GroupId", group.id.text()},
            {"SecurityGroupArn", arn(group)},
            {"VpcId", group.vpc.text()}};
  if (!group.tags.empty()) json["Tags"] = tags_to_json(group.tags);
  return json;
}

Result<vpc::Command> decode_create(const Json& parameters) {
  TRY(auto vpc, vpc_id(parameters, "VpcId"));
  TRY(auto created_tags, tags_at_creation(parameters, "security-group"));
  return vpc::CreateSecurityGroup{.vpc = vpc,
                                  .name = parameters.at("GroupName"),
                                  .description = parameters.at("Description"),
                                  .tags = std::move(created_tags)};
}

Json reply_create(const vpc::Applied& applied, const vpc::AccountId&, const Json&) {
  const auto* group =
      vpc::find(applied.state.security_groups, *vpc::SecurityGroupId::parse(applied.ids.front()));
  Json json{{"GroupId", group->id.text()}, {"SecurityGroupArn", arn(*group)}};
  if (!group->tags.empty()) json["Tags"] = tags_to_json(group->tags);
  return json;
}

Result<Json> read(const vpc::State& state, const vpc::AccountId& account, const Json& parameters) {
  const Description<vpc::SecurityGroup> description{
      .ids_member = "GroupIds",
      .list_member = "SecurityGroups",
      .filters = {{"group-id", [](const vpc::SecurityGroup& g) { return Values{g.id.text()}; }},
                  {"group-name", [](const vpc::SecurityGroup& g) { return Values{g.name}; }},
                  {"vpc-id", [](const vpc::SecurityGroup& g) { return Values{g.vpc.text()}; }},
                  {"description", [](const vpc::SecurityGroup& g) { return Values{g.description}; }},
                  {"owner-id", [](const vpc::SecurityGroup& g) { return Values{g.account.text}; }}},
      .to_json = [&state](const vpc::SecurityGroup& group) { return to_json(state, group); }};
  return describe(state, account, state.security_groups, parameters, description);
}

}  // namespace

std::vector<Operation> security_group_operations() {
  return {
      {.name = "CreateSecurityGroup",
       .doc = "Creates a security group that admits nothing in and everything out.",
       .example = "--vpc-id vpc-0123456789abcdef0 --group-name database --description \"PostgreSQL\"",
       .members = {required("VpcId", string_shape(), "The VPC."),
                   required("GroupName", string_shape(), "Unique in the VPC, whatever the case."),
                   required("Description", string_shape(), "Up to 255 characters."),
                   tag_specifications("security-group"), dry_run_member()},
       .decode = decode_create,
       .reply = reply_create},
      {.name = "DeleteSecurityGroup",
       .doc = "Deletes a security group that no network interface and no rule of another group uses.",
       .example = "--group-id sg-0123456789abcdef0",
       .members = {required("GroupId", string_shape(), "The group."),
                   unsupported("GroupName", string_shape(), kById), dry_run_member()},
       .decode = [](const Json& parameters) -> Result<vpc::Command> {
         TRY(auto id, security_group_id(parameters, "GroupId"));
         return vpc::DeleteSecurityGroup{id};
       },
       .reply =
           [](const vpc::Applied&, const vpc::AccountId&, const Json& parameters) {
             return Json{{"Return", true}, {"GroupId", parameters.at("GroupId")}};
           }},
      {.name = "DescribeSecurityGroups",
       .doc = "Lists security groups with their rules.",
       .example = "--filters Name=vpc-id,Values=vpc-0123456789abcdef0",
       .members =
           [] {
             auto members =
                 describe_members("GroupIds", "group-id, group-name, vpc-id, description, owner-id");
             members.push_back(
                 unsupported("GroupNames", list_of(string_shape()),
                             std::string(kById) + " The filter group-name finds them by name."));
             return members;
           }(),
       .read = read},
  };
}

}  // namespace caisson::netd::api
