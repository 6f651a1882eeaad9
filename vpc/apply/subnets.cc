#include "vpc/apply/change.hh"
#include "vpc/apply/lookup.hh"

namespace caisson::vpc {
namespace {

constexpr const char* kFirstZone = "us-east-1a";

bool is_availability_zone(const std::string& name) {
  return name.size() == 10 && name.starts_with("us-east-1") && name.back() >= 'a' && name.back() <= 'f';
}

Error invalid_cidr(const Ipv4Cidr& cidr, const char* why) {
  return {.code = "InvalidSubnet.Range", .message = "The CIDR '" + cidr.text() + "' is invalid: " + why};
}

}  // namespace

Result<SubnetId> make_subnet(Change& change, const VpcId& vpc, Ipv4Cidr cidr, std::string availability_zone,
                             Tags tags) {
  Subnet subnet{.id = change.fresh<SubnetId>(), .account = change.account(), .vpc = vpc};
  TRY(subnet.number, change.number());
  subnet.cidr = cidr;
  subnet.availability_zone = availability_zone.empty() ? kFirstZone : std::move(availability_zone);
  subnet.tags = std::move(tags);
  const SubnetId id = subnet.id;
  put(change.state, std::move(subnet));
  change.touched.insert(vpc);
  return id;
}

Status apply_to(Change& change, const CreateSubnet& command) {
  TRYV(check_tags(change.state, command.tags));
  TRY(const auto* vpc, get_visible(change.state, change.account(), command.vpc));
  if (command.cidr.length() < 16 || command.cidr.length() > 28) {
    return invalid_cidr(command.cidr, "a subnet has between /16 and /28");
  }
  if (!vpc->cidr.contains(command.cidr)) {
    return invalid_cidr(command.cidr, "it is not inside the VPC's CIDR block");
  }
  if (command.availability_zone && !is_availability_zone(*command.availability_zone)) {
    return Error{
        .code = "InvalidParameterValue",
        .message = "Value (" + *command.availability_zone +
                   ") for parameter availabilityZone is invalid. Subnets can currently only be created "
                   "in the following availability zones: us-east-1a to us-east-1f."};
  }
  for (const auto& [id, subnet] : change.state.index.in(command.vpc).subnets) {
    if (subnet->cidr.overlaps(command.cidr)) {
      return Error{.code = "InvalidSubnet.Conflict",
                   .message = "The CIDR '" + command.cidr.text() + "' conflicts with another subnet"};
    }
  }
  if (change.state.index.in(command.vpc).subnets.size() >= change.state.quotas.subnets_per_vpc) {
    return Error{.code = "SubnetLimitExceeded",
                 .message = "The maximum number of subnets of this VPC has been reached."};
  }
  TRY(auto id,
      make_subnet(change, command.vpc, command.cidr, command.availability_zone.value_or(""), command.tags));
  change.ids.push_back(id.text());
  return ok();
}

Status apply_to(Change& change, const DeleteSubnet& command) {
  TRY(const auto* subnet, get_visible(change.state, change.account(), command.subnet));
  const auto& addresses = change.state.index.addresses;
  const auto first = addresses.lower_bound({command.subnet, {}});
  if (first != addresses.end() && first->first.first == command.subnet) {
    return Error{
        .code = "DependencyViolation",
        .message = "The subnet '" + command.subnet.text() + "' has dependencies and cannot be deleted."};
  }
  change.touched.insert(subnet->vpc);
  erase(change.state, command.subnet);
  return ok();
}

}  // namespace caisson::vpc
