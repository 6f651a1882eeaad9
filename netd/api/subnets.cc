#include "netd/api/describe.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"
#include "netd/api/zones.hh"

namespace caisson::netd::api {
namespace {

constexpr const char* kNoIpv6 = "Caisson has IPv4 only.";
constexpr std::uint64_t kReservedAddresses = 5;

Json to_json(const vpc::State& state, const vpc::Subnet& subnet) {
  const auto& addresses = state.index.addresses;
  const std::size_t used =
      addresses.rank({subnet.id, subnet.cidr.last()}) - addresses.rank({subnet.id, subnet.cidr.base()});
  const auto free = subnet.cidr.size() - kReservedAddresses - used;
  Json json{{"AvailabilityZone", subnet.availability_zone},
            {"AvailabilityZoneId", zone_id(subnet.availability_zone)},
            {"AvailableIpAddressCount", free},
            {"CidrBlock", subnet.cidr.text()},
            {"DefaultForAz", false},
            {"MapPublicIpOnLaunch", false},
            {"MapCustomerOwnedIpOnLaunch", false},
            {"State", "available"},
            {"SubnetId", subnet.id.text()},
            {"VpcId", subnet.vpc.text()},
            {"OwnerId", subnet.account.text},
            {"AssignIpv6AddressOnCreation", false},
            {"Ipv6CidrBlockAssociationSet", Json::array()},
            {"SubnetArn", std::string("arn:aws:ec2:") + kRegion + ":" + subnet.account.text + ":subnet/" +
                              subnet.id.text()},
            {"EnableDns64", false},
            {"Ipv6Native", false},
            {"PrivateDnsNameOptionsOnLaunch",
             {{"HostnameType", "ip-name"},
              {"EnableResourceNameDnsARecord", false},
              {"EnableResourceNameDnsAAAARecord", false}}}};
  if (!subnet.tags.empty()) json["Tags"] = tags_to_json(subnet.tags);
  return json;
}

Result<std::optional<std::string>> zone(const Json& parameters) {
  const auto name = text_or_empty(parameters, "AvailabilityZone");
  const auto id = text_or_empty(parameters, "AvailabilityZoneId");
  if (!name.empty() && !id.empty()) {
    return Error{.code = "InvalidParameterCombination",
                 .message = "Only one of AvailabilityZone and AvailabilityZoneId can be given"};
  }
  if (!name.empty()) return std::optional(name);
  if (id.empty()) return std::optional<std::string>();
  const auto by_id = zone_with_id(id);
  if (!by_id) {
    return Error{.code = "InvalidParameterValue",
                 .message = "Value (" + id + ") for parameter availabilityZoneId is invalid. There are " +
                            zone_id("us-east-1a") + " to " + zone_id("us-east-1f") + "."};
  }
  return by_id;
}

Result<vpc::Command> decode_create(const Json& parameters) {
  TRY(auto vpc, vpc_id(parameters, "VpcId"));
  TRY(auto block, cidr(parameters.at("CidrBlock"), "cidrBlock"));
  TRY(auto availability_zone, zone(parameters));
  TRY(auto created_tags, tags_at_creation(parameters, "subnet"));
  return vpc::CreateSubnet{
      .vpc = vpc, .cidr = block, .availability_zone = availability_zone, .tags = std::move(created_tags)};
}

Json reply_create(const vpc::Applied& applied, const vpc::AccountId&, const Json&) {
  const auto* subnet = vpc::find(applied.state.subnets, *vpc::SubnetId::parse(applied.ids.front()));
  return {{"Subnet", to_json(applied.state, *subnet)}};
}

Result<Json> read(const vpc::State& state, const vpc::AccountId& account, const Json& parameters) {
  const auto cidr_of = [](const vpc::Subnet& s) { return Values{s.cidr.text()}; };
  const Description<vpc::Subnet> description{
      .ids_member = "SubnetIds",
      .list_member = "Subnets",
      .filters = {{"subnet-id", [](const vpc::Subnet& s) { return Values{s.id.text()}; }},
                  {"vpc-id", [](const vpc::Subnet& s) { return Values{s.vpc.text()}; }},
                  {"cidr-block", cidr_of},
                  {"cidr", cidr_of},
                  {"availability-zone", [](const vpc::Subnet& s) { return Values{s.availability_zone}; }},
                  {"owner-id", [](const vpc::Subnet& s) { return Values{s.account.text}; }},
                  {"state", [](const vpc::Subnet&) { return Values{"available"}; }}},
      .to_json = [&state](const vpc::Subnet& subnet) { return to_json(state, subnet); }};
  return describe(state, account, state.subnets, parameters, description);
}

}  // namespace

std::vector<Operation> subnet_operations() {
  return {
      {.name = "CreateSubnet",
       .doc = "Creates a subnet in a VPC; it uses the main route table and the default network ACL.",
       .example = "--vpc-id vpc-0123456789abcdef0 --cidr-block 10.0.1.0/24",
       .members = {required("VpcId", string_shape(), "The VPC."),
                   required("CidrBlock", string_shape(), "IPv4 block, /16 to /28, inside the VPC's."),
                   optional("AvailabilityZone", string_shape(),
                            "us-east-1a to us-east-1f; us-east-1a if absent."),
                   optional("AvailabilityZoneId", string_shape(), "The zone by its id instead."),
                   tag_specifications("subnet"), unsupported("Ipv6CidrBlock", string_shape(), kNoIpv6),
                   unsupported("Ipv6Native", boolean_shape(), kNoIpv6), dry_run_member()},
       .decode = decode_create,
       .reply = reply_create},
      {.name = "DeleteSubnet",
       .doc = "Deletes a subnet without network interfaces.",
       .example = "--subnet-id subnet-0123456789abcdef0",
       .members = {required("SubnetId", string_shape(), "The subnet."), dry_run_member()},
       .decode = [](const Json& parameters) -> Result<vpc::Command> {
         TRY(auto id, subnet_id(parameters, "SubnetId"));
         return vpc::DeleteSubnet{id};
       },
       .reply = [](const vpc::Applied&, const vpc::AccountId&, const Json&) { return Json::object(); }},
      {.name = "DescribeSubnets",
       .doc = "Lists subnets.",
       .example = "--filters Name=vpc-id,Values=vpc-0123456789abcdef0",
       .members =
           describe_members("SubnetIds", "subnet-id, vpc-id, cidr-block, availability-zone, owner-id, state"),
       .read = read},
  };
}

}  // namespace caisson::netd::api
