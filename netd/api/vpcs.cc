#include "netd/api/describe.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

constexpr const char* kNoIpv6 = "Caisson has IPv4 only.";

Shape attribute_shape() {
  return structure({required("Value", boolean_shape(), "Its new value.")});
}

Json to_json(const vpc::Vpc& vpc) {
  Json json{{"CidrBlock", vpc.cidr.text()},
            {"DhcpOptionsId", vpc.dhcp_options.text()},
            {"State", "available"},
            {"VpcId", vpc.id.text()},
            {"OwnerId", vpc.account.text},
            {"InstanceTenancy", "default"},
            {"Ipv6CidrBlockAssociationSet", Json::array()},
            {"CidrBlockAssociationSet", Json::array({{{"AssociationId", vpc.cidr_association.text()},
                                                      {"CidrBlock", vpc.cidr.text()},
                                                      {"CidrBlockState", {{"State", "associated"}}}}})},
            {"IsDefault", false}};
  if (!vpc.tags.empty()) json["Tags"] = tags_to_json(vpc.tags);
  return json;
}

Result<vpc::Command> decode_create(const Json& parameters) {
  const auto tenancy = text_or_empty(parameters, "InstanceTenancy");
  if (!tenancy.empty() && tenancy != "default") {
    return Error{
        .code = "InvalidParameterValue",
        .message = "Value (" + tenancy + ") for parameter instanceTenancy is invalid. It must be default."};
  }
  TRY(auto block, cidr(parameters.at("CidrBlock"), "cidrBlock"));
  TRY(auto created_tags, tags_at_creation(parameters, "vpc"));
  return vpc::CreateVpc{.cidr = block, .tags = std::move(created_tags)};
}

std::optional<bool> attribute(const Json& parameters, const char* name) {
  if (!parameters.contains(name)) return std::nullopt;
  return parameters.at(name).at("Value").get<bool>();
}

Result<vpc::Command> decode_modify_attribute(const Json& parameters) {
  vpc::ModifyVpcAttribute command;
  TRY(command.vpc, vpc_id(parameters, "VpcId"));
  command.dns_support = attribute(parameters, "EnableDnsSupport");
  command.dns_hostnames = attribute(parameters, "EnableDnsHostnames");
  return command;
}

Result<Json> read_attribute(const vpc::State& state, const vpc::AccountId& account, const Json& parameters) {
  TRY(const auto id, vpc_id(parameters, "VpcId"));
  const auto* found = vpc::find(state.vpcs, id);
  if (found == nullptr || found->account != account || found->managed) {
    return Error{.code = "InvalidVpcID.NotFound", .message = "The vpc ID '" + id.text() + "' does not exist"};
  }
  const std::string name = parameters.at("Attribute").get<std::string>();
  if (name == "enableDnsSupport")
    return Json{{"VpcId", id.text()}, {"EnableDnsSupport", {{"Value", found->dns_support}}}};
  if (name == "enableDnsHostnames")
    return Json{{"VpcId", id.text()}, {"EnableDnsHostnames", {{"Value", found->dns_hostnames}}}};
  return Error{.code = "InvalidParameterValue",
               .message = "Value (" + name +
                          ") for parameter attribute is invalid. It must be enableDnsSupport or "
                          "enableDnsHostnames."};
}

Json reply_create(const vpc::Applied& applied, const vpc::AccountId&, const Json&) {
  return {{"Vpc", to_json(*vpc::find(applied.state.vpcs, *vpc::VpcId::parse(applied.ids.front())))}};
}

Result<Json> read(const vpc::State& state, const vpc::AccountId& account, const Json& parameters) {
  const Description<vpc::Vpc> description{
      .ids_member = "VpcIds",
      .list_member = "Vpcs",
      .filters = {{"vpc-id", [](const vpc::Vpc& v) { return Values{v.id.text()}; }},
                  {"cidr", [](const vpc::Vpc& v) { return Values{v.cidr.text()}; }},
                  {"owner-id", [](const vpc::Vpc& v) { return Values{v.account.text}; }},
                  {"state", [](const vpc::Vpc&) { return Values{"available"}; }},
                  {"is-default", [](const vpc::Vpc&) { return Values{"false"}; }}},
      .to_json = to_json};
  return describe(state, account, state.vpcs, parameters, description);
}

}  // namespace

std::vector<Operation> vpc_operations() {
  return {
      {.name = "CreateVpc",
       .doc = "Creates a VPC with its main route table, default network ACL and default security group.",
       .example = "--cidr-block 10.0.0.0/16",
       .members = {required("CidrBlock", string_shape(),
                            "IPv4 block of the VPC, /16 to /28; host bits are cleared."),
                   optional("InstanceTenancy", string_shape(), "Only default."), tag_specifications("vpc"),
                   unsupported("AmazonProvidedIpv6CidrBlock", boolean_shape(), kNoIpv6),
                   unsupported("Ipv6CidrBlock", string_shape(), kNoIpv6),
                   unsupported("Ipv6Pool", string_shape(), kNoIpv6), dry_run_member()},
       .decode = decode_create,
       .reply = reply_create},
      {.name = "DeleteVpc",
       .doc = "Deletes a VPC that has no subnets, no network interfaces and only its default group.",
       .example = "--vpc-id vpc-0123456789abcdef0",
       .members = {required("VpcId", string_shape(), "The VPC."), dry_run_member()},
       .decode = [](const Json& parameters) -> Result<vpc::Command> {
         TRY(auto id, vpc_id(parameters, "VpcId"));
         return vpc::DeleteVpc{id};
       },
       .reply = [](const vpc::Applied&, const vpc::AccountId&, const Json&) { return Json::object(); }},
      {.name = "DescribeVpcAttribute",
       .doc = "Shows one attribute of a VPC.",
       .example = "--vpc-id vpc-0123456789abcdef0 --attribute enableDnsSupport",
       .members = {required("VpcId", string_shape(), "The VPC."),
                   required("Attribute", string_shape(), "enableDnsSupport or enableDnsHostnames."),
                   dry_run_member()},
       .read = read_attribute},
      {.name = "ModifyVpcAttribute",
       .doc = "Changes one attribute of a VPC. Without DNS support the resolver does not answer in it.",
       .example = "--vpc-id vpc-0123456789abcdef0 --enable-dns-support Value=false",
       .members = {required("VpcId", string_shape(), "The VPC."),
                   optional("EnableDnsSupport", attribute_shape(), "Whether the resolver answers."),
                   optional("EnableDnsHostnames", attribute_shape(),
                            "Kept and shown; nothing depends on it."),
                   dry_run_member()},
       .decode = decode_modify_attribute,
       .reply = [](const vpc::Applied&, const vpc::AccountId&, const Json&) { return Json::object(); }},
      {.name = "DescribeVpcs",
       .doc = "Lists VPCs.",
       .example = "--filters Name=tag:Name,Values=shop*",
       .members = describe_members("VpcIds", "vpc-id, cidr, owner-id, state, is-default"),
       .read = read},
  };
}

}  // namespace caisson::netd::api
