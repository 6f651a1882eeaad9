#include "tests/bench/datapath_model.hh"

namespace caisson::bench {
namespace {

using test::cidr;
using test::permission;

constexpr int kPortsPerBlock = 10;

/// As one command: the model is copied once, not for each rule.
void allow_many(test::Model& model, const vpc::SecurityGroupId& group, bool egress, int count,
                const std::string& peer) {
  vpc::AuthorizeSecurityGroup command{.group = group, .egress = egress, .entries = {}, .tags = {}};
  command.entries.push_back(
      {.permission = permission(egress, vpc::kUdp, kPort, kPort, cidr(peer + "/32")), .description = ""});
  for (int i = 0; i + 1 < count; ++i) {
    const int block = i / kPortsPerBlock;
    const int port = 6000 + i % kPortsPerBlock;
    const auto peers =
        cidr("172." + std::to_string(16 + block / 256) + "." + std::to_string(block % 256) + ".0/24");
    command.entries.push_back(
        {.permission = permission(egress, vpc::kUdp, port, port, peers), .description = ""});
  }
  model.run(std::move(command));
}

}  // namespace

World make_world(int rules, int vpcs) {
  test::Model model;
  model.state.quotas.rules_per_direction = static_cast<std::size_t>(rules);
  model.state.quotas.security_groups = 3 * static_cast<std::size_t>(vpcs);
  World world;
  for (int i = 0; i < vpcs; ++i) {
    // What is measured is in the last one, under the same addresses as all others.
    const int count = i + 1 == vpcs ? rules : 2;
    const auto vpc = model.make_vpc("10.0.0.0/16");
    const auto subnet = model.make_subnet(vpc, "10.0.1.0/24");
    const auto senders = model.make_group(vpc, "senders");
    const auto receivers = model.make_group(vpc, "receivers");
    world.member = model.make_member(subnet, "10.0.1.11", {receivers}, "vpc" + std::to_string(i) + "-");
    world.function = model.make_function({subnet}, {senders});
    allow_many(model, senders, true, count, "10.0.1.11");
    allow_many(model, receivers, false, count, world.function.address.text());
  }
  world.state = model.state;
  return world;
}

}  // namespace caisson::bench
