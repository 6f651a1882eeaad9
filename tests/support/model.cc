#include "tests/support/model.hh"

#include <cstdio>
#include <cstdlib>

namespace caisson::test {

std::vector<std::string> Model::run(vpc::Command command) {
  auto applied = vpc::apply(state, {.account = {"000000000001"},
                                    .seed = seed_++,
                                    .time = "2026-01-01T00:00:00.000Z",
                                    .command = std::move(command)});
  if (!applied) {
    std::fprintf(stderr, "the test's command failed: %s\n", applied.error().text().c_str());
    std::abort();
  }
  state = std::move(applied.value().state);
  return applied.value().ids;
}

Ipv4Cidr cidr(const std::string& text) {
  return Ipv4Cidr::parse(text).value();
}

Ipv4Address address(const std::string& text) {
  return Ipv4Address::parse(text).value();
}

vpc::Permission permission(bool egress, int protocol, int from, int to, vpc::Peer peer) {
  return {.egress = egress, .protocol = protocol, .from_port = from, .to_port = to, .peer = std::move(peer)};
}

vpc::VpcId Model::make_vpc(const std::string& block) {
  return *vpc::VpcId::parse(run(vpc::CreateVpc{.cidr = cidr(block), .tags = {}}).at(0));
}

vpc::SubnetId Model::make_subnet(const vpc::VpcId& vpc, const std::string& block) {
  return *vpc::SubnetId::parse(
      run(vpc::CreateSubnet{.vpc = vpc, .cidr = cidr(block), .availability_zone = {}, .tags = {}}).at(0));
}

vpc::SecurityGroupId Model::make_group(const vpc::VpcId& vpc, const std::string& name) {
  const auto id = *vpc::SecurityGroupId::parse(
      run(vpc::CreateSecurityGroup{.vpc = vpc, .name = name, .description = name, .tags = {}}).at(0));
  const auto everywhere = permission(true, vpc::kAllProtocols, -1, -1, cidr("0.0.0.0/0"));
  run(vpc::RevokeSecurityGroup{.group = id, .egress = true, .rules = {}, .permissions = {everywhere}});
  return id;
}

std::string Model::allow(const vpc::SecurityGroupId& group, vpc::Permission permission) {
  const bool egress = permission.egress;
  return run(vpc::AuthorizeSecurityGroup{
                 .group = group,
                 .egress = egress,
                 .entries = {{.permission = std::move(permission), .description = ""}},
                 .tags = {}})
      .at(0);
}

const vpc::NetworkInterface& Model::make_member(const vpc::SubnetId& subnet, const std::string& where,
                                                std::vector<vpc::SecurityGroupId> groups,
                                                const std::string& user) {
  const auto id = *vpc::NetworkInterfaceId::parse(run(vpc::CreateNetworkInterface{.subnet = subnet,
                                                                                  .groups = std::move(groups),
                                                                                  .address = address(where),
                                                                                  .description = "",
                                                                                  .tags = {},
                                                                                  .client_token = ""})
                                                      .at(0));
  run(vpc::AttachNetworkInterface{.interface = id, .netns = user + where, .device_index = 0});
  return *state.network_interfaces.at(id);
}

const vpc::NetworkInterface& Model::make_function(std::vector<vpc::SubnetId> subnets,
                                                  std::vector<vpc::SecurityGroupId> groups,
                                                  const std::string& user) {
  const auto id = *vpc::NetworkInterfaceId::parse(
      run(vpc::EnsureFunctionInterface{
              .user = user, .subnets = std::move(subnets), .groups = std::move(groups)})
          .at(0));
  return *state.network_interfaces.at(id);
}

}  // namespace caisson::test
