// Random sequences of commands keep what the datapath relies on, whatever the order.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>

#include "tests/support/random_commands.hh"
#include "tests/unit/vpc/apply/world.hh"
#include "vpc/apply/index.hh"

namespace caisson::vpc {
namespace {

using Random = test::RandomCommands;

std::uint64_t chosen_seed() {
  const char* given = std::getenv("CAISSON_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

void check_interfaces(const State& state) {
  std::set<std::pair<SubnetId, Ipv4Address>> addresses;
  std::set<std::uint32_t> numbers;
  std::set<std::pair<std::string, int>> places;
  for (const auto& [id, interface] : state.network_interfaces) {
    for (const auto& address : interface->addresses()) {
      EXPECT_TRUE(addresses.emplace(interface->subnet, address).second) << id.text();
      const auto* of = find(state.subnets, interface->subnet);
      EXPECT_TRUE(of != nullptr && of->cidr.contains(address) && !of->reserved(address)) << id.text();
    }
    for (const auto& more : interface->more_addresses) {
      EXPECT_TRUE(numbers.insert(more.number).second) << id.text();
    }
    EXPECT_TRUE(numbers.insert(interface->number).second) << id.text();
    const auto* subnet = find(state.subnets, interface->subnet);
    ASSERT_NE(subnet, nullptr) << id.text();
    EXPECT_EQ(subnet->vpc, interface->vpc);
    EXPECT_EQ(subnet->account, interface->account);
    EXPECT_FALSE(interface->groups.empty());
    EXPECT_TRUE(std::is_sorted(interface->groups.begin(), interface->groups.end()));
    for (const auto& group : interface->groups) {
      ASSERT_NE(find(state.security_groups, group), nullptr) << id.text();
      EXPECT_EQ(find(state.security_groups, group)->vpc, interface->vpc);
    }
    EXPECT_EQ(interface->users.empty(), interface->type == InterfaceType::kInterface);
    if (interface->attachment) {
      EXPECT_TRUE(places.emplace(interface->attachment->netns, interface->attachment->device_index).second);
    }
  }
}

void check_networks(const State& state) {
  for (const auto& [id, subnet] : state.subnets) {
    const auto* vpc = find(state.vpcs, subnet->vpc);
    ASSERT_NE(vpc, nullptr);
    EXPECT_TRUE(vpc->cidr.contains(subnet->cidr));
    for (const auto& [other_id, other] : state.subnets) {
      EXPECT_TRUE(id == other_id || subnet->vpc != other->vpc || !subnet->cidr.overlaps(other->cidr));
    }
  }
  for (const auto& [id, rule] : state.security_group_rules) {
    const auto* group = find(state.security_groups, rule->group);
    ASSERT_NE(group, nullptr) << id.text();
    const auto* peer = std::get_if<SecurityGroupId>(&rule->permission.peer);
    if (peer == nullptr) continue;
    ASSERT_NE(find(state.security_groups, *peer), nullptr) << id.text();
    EXPECT_EQ(find(state.security_groups, *peer)->vpc, group->vpc);
  }
  for (const auto& [id, vpc] : state.vpcs) {
    EXPECT_NE(find(state.route_tables, vpc->main_route_table), nullptr);
    EXPECT_NE(find(state.network_acls, vpc->default_network_acl), nullptr);
    EXPECT_NE(find(state.security_groups, vpc->default_security_group), nullptr);
  }
}

void check_routing(const State& state) {
  for (const auto& [id, subnet] : state.subnets) {
    if (!subnet->route_table) continue;
    const auto* table = find(state.route_tables, subnet->route_table->table);
    ASSERT_NE(table, nullptr) << id.text();
    EXPECT_EQ(table->vpc, subnet->vpc);
  }
  for (const auto& [id, table] : state.route_tables) {
    std::set<Ipv4Cidr> destinations;
    for (const auto& route : table->routes) {
      EXPECT_TRUE(destinations.insert(route.destination).second) << id.text();
    }
    const auto* vpc = find(state.vpcs, table->vpc);
    ASSERT_NE(vpc, nullptr) << id.text();
    EXPECT_TRUE(vpc->managed || destinations.contains(vpc->cidr)) << id.text();
  }
  std::set<std::pair<std::string, RouteTableId>> led;
  for (const auto& [id, endpoint] : state.vpc_endpoints) {
    ASSERT_NE(find(state.vpcs, endpoint->vpc), nullptr) << id.text();
    for (const auto& table_id : endpoint->route_tables) {
      const auto* table = find(state.route_tables, table_id);
      ASSERT_NE(table, nullptr) << id.text();
      EXPECT_EQ(table->vpc, endpoint->vpc);
      EXPECT_TRUE(led.emplace(endpoint->service, table_id).second) << id.text();
    }
  }
}

/// The index is what the tables say, and nothing else.
void check_index(const State& state) {
  EXPECT_EQ(state.index, index_of(state));
}

/// Deletes whatever can be deleted, in random order, until nothing is left but the managed segment.
void delete_all(World& world, Random& random) {
  for (int user = 0; user < 6; ++user)
    EXPECT_EQ(world.code(ReleaseFunctionInterface{std::to_string(user)}), "");
  for (int round = 0; round < 20000; ++round) {
    const State& state = world.state;
    if (state.network_interfaces.empty() && state.vpcs.size() == state.managed_subnets.size()) return;
    const auto interface = random.id_of(state.network_interfaces);
    const auto* found = find(state.network_interfaces, interface);
    if (found != nullptr && found->attachment)
      world.code(DetachNetworkInterface{found->attachment->id, false});
    world.code(DeleteNetworkInterface{interface});
    const auto rule = random.id_of(world.state.security_group_rules);
    if (const auto* row = find(world.state.security_group_rules, rule); row != nullptr) {
      world.code(RevokeSecurityGroup{row->group, row->permission.egress, {rule}, {}});
    }
    world.code(DeleteSecurityGroup{random.id_of(world.state.security_groups)});
    world.code(DeleteVpcEndpoints{{random.id_of(world.state.vpc_endpoints)}});
    world.code(DeleteRouteTable{random.id_of(world.state.route_tables)});
    world.code(DeleteSubnet{random.id_of(world.state.subnets)});
    world.code(DeleteVpc{random.id_of(world.state.vpcs)});
  }
  ADD_FAILURE() << "something cannot be deleted";
}

TEST(RandomCommands, KeepTheInvariantsAndCanBeUndone) {
  const auto seed = chosen_seed();
  std::cout << "CAISSON_TEST_SEED=" << seed << "\n";
  SCOPED_TRACE("CAISSON_TEST_SEED=" + std::to_string(seed));
  Random random(seed);
  for (int sequence = 0; sequence < 20; ++sequence) {
    World world;
    world.state.services = test::test_services();
    int applied = 0;
    for (int step = 0; step < 400 && !testing::Test::HasFailure(); ++step) {
      applied += world.code(random.command(world.state)).empty() ? 1 : 0;
      check_interfaces(world.state);
      check_networks(world.state);
      check_routing(world.state);
      check_index(world.state);
    }
    EXPECT_GT(applied, 40) << "the sequence did too little to show anything";
    delete_all(world, random);
    check_index(world.state);
    EXPECT_EQ(world.state.security_groups.size(), world.state.managed_subnets.size());
    EXPECT_TRUE(world.state.client_tokens.empty());
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace caisson::vpc
