#include "tests/property/random_model.hh"

#include <algorithm>
#include <set>

#include "tests/support/random_commands.hh"

namespace caisson::test {
namespace {

constexpr int kVpcs = 2;
constexpr int kGroups = 4;
constexpr int kMembers = 4;

const std::vector<int> kPorts{0, 1, 22, 80, 81, 443, 5432, 8080, 32768, 65535};
const std::vector<std::string> kBlocks{
    "0.0.0.0/0",     "10.0.0.0/16",     "10.0.1.0/24",    "10.0.1.10/32",   "10.0.1.8/29",
    "198.51.0.0/16", "198.51.100.0/24", "203.0.113.0/24", "203.0.113.0/26", "203.0.113.64/26"};
/// 0 and 255 are protocols like others: no value stands for "the rest".
const std::vector<int> kProtocols{vpc::kAllProtocols, vpc::kTcp,  vpc::kTcp, vpc::kUdp, vpc::kUdp,
                                  vpc::kIcmp,         vpc::kIcmp, 0,         47,        255};

std::vector<vpc::SecurityGroupId> some(Dice& dice, const std::vector<vpc::SecurityGroupId>& groups) {
  std::vector<vpc::SecurityGroupId> chosen;
  std::copy_if(groups.begin(), groups.end(), std::back_inserter(chosen),
               [&](const auto&) { return dice.one_in(2); });
  if (chosen.empty()) chosen.push_back(dice.pick(groups));
  return chosen;
}

std::set<vpc::Permission> permissions_of(const vpc::State& state, const vpc::SecurityGroupId& group) {
  std::set<vpc::Permission> known;
  for (const auto& [id, rule] : state.security_group_rules) {
    if (rule->group == group) known.insert(rule->permission);
  }
  return known;
}

}  // namespace

int random_port(Dice& dice) {
  return std::clamp(dice.pick(kPorts) + dice.roll(3) - 1, 0, 65535);
}

vpc::Permission random_permission(Dice& dice, const World& world, std::size_t vpc) {
  vpc::Permission made;
  made.egress = dice.one_in(2);
  made.protocol = dice.pick(kProtocols);
  if (made.protocol == vpc::kTcp || made.protocol == vpc::kUdp) {
    const int a = dice.pick(kPorts);
    const int b = dice.pick(kPorts);
    made.from_port = std::min(a, b);
    made.to_port = std::max(a, b);
  } else if (made.protocol == vpc::kIcmp && dice.one_in(2)) {
    made.from_port = dice.one_in(2) ? 8 : 0;
    made.to_port = dice.one_in(2) ? -1 : dice.roll(2);
  }
  if (dice.one_in(2)) {
    made.peer = dice.pick(world.groups.at(vpc));
  } else {
    made.peer = cidr(dice.pick(kBlocks));
  }
  return made;
}

void add_rules(Dice& dice, World& world, std::size_t vpc, int count) {
  for (int i = 0; i < count; ++i) {
    const auto group = dice.pick(world.groups.at(vpc));
    const auto rule = random_permission(dice, world, vpc);
    if (!permissions_of(world.model.state, group).contains(rule)) world.model.allow(group, rule);
  }
}

/// Rules for everybody, of one port and of all: two that face each other make flows that are not tracked.
void add_open_rules(Dice& dice, World& world, std::size_t vpc) {
  for (const auto& group : world.groups.at(vpc)) {
    for (const bool egress : {false, true}) {
      if (!dice.one_in(2)) continue;
      const int protocol = dice.pick(std::vector<int>{vpc::kAllProtocols, vpc::kTcp, vpc::kUdp});
      const int port = protocol == vpc::kAllProtocols || dice.one_in(2) ? -1 : dice.pick(kPorts);
      const int first = protocol == vpc::kAllProtocols ? -1 : std::max(port, 0);
      const int last = protocol == vpc::kAllProtocols ? -1 : port < 0 ? 65535 : port;
      world.model.allow(group, permission(egress, protocol, first, last, cidr("0.0.0.0/0")));
    }
  }
}

void add_routing(Dice& dice, World& world, std::size_t vpc, const std::vector<vpc::SubnetId>& subnets) {
  auto& model = world.model;
  const auto& id = world.vpcs.at(vpc);
  for (const auto& group : world.groups.at(vpc)) {
    if (dice.one_in(2)) model.allow(group, permission(true, vpc::kTcp, 443, 443, cidr("203.0.113.0/24")));
  }
  std::vector<vpc::RouteTableId> tables{vpc::find(model.state.vpcs, id)->main_route_table};
  for (int i = dice.roll(3); i > 0; --i) {
    tables.push_back(*vpc::RouteTableId::parse(model.run(vpc::CreateRouteTable{id, {}, ""}).at(0)));
    world.tables.push_back(tables.back());
  }
  for (const auto& subnet : subnets) {
    const auto& table = dice.pick(tables);
    if (table != tables.front()) model.run(vpc::AssociateRouteTable{table, subnet});
  }
  for (const auto& table : tables) {
    for (const char* destination : {"198.51.100.0/24", "203.0.113.0/25", "203.0.113.64/26", "203.0.0.0/16"}) {
      if (dice.one_in(3)) {
        model.run(vpc::CreateRoute{table, cidr(destination), world.interfaces.back()});
      }
    }
    for (const auto& service : test_services()) {
      if (dice.one_in(2)) model.run(vpc::CreateVpcEndpoint{id, service.name, {table}, "", {}, ""});
    }
  }
}

World random_world(Dice& dice) {
  World world;
  world.model.state.services = test_services();
  for (std::size_t i = 0; i < kVpcs; ++i) {
    const auto vpc = world.model.make_vpc("10.0.0.0/16");
    const std::vector<vpc::SubnetId> subnets{world.model.make_subnet(vpc, "10.0.1.0/24"),
                                             world.model.make_subnet(vpc, "10.0.2.0/24")};
    world.vpcs.push_back(vpc);
    auto& groups = world.groups.emplace_back();
    for (int group = 0; group < kGroups; ++group) {
      groups.push_back(world.model.make_group(vpc, "group" + std::to_string(group)));
    }
    for (int member = 0; member < kMembers; ++member) {
      const auto where = "10.0." + std::to_string(1 + member % 2) + "." + std::to_string(10 + member);
      const auto& subnet = subnets[static_cast<std::size_t>(member % 2)];
      world.interfaces.push_back(world.model.make_member(subnet, where, some(dice, groups), vpc.text()).id);
    }
    world.interfaces.push_back(
        world.model.make_function({dice.pick(subnets)}, some(dice, groups), vpc.text()).id);
    add_routing(dice, world, i, subnets);
    add_open_rules(dice, world, i);
    add_rules(dice, world, i, 6 + dice.roll(20));
  }
  return world;
}

}  // namespace caisson::test
