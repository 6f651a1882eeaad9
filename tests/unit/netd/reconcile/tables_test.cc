#include "netd/reconcile/tables.hh"

#include <gmock/gmock.h>

#include <cstring>

#include "netd/bpf/caisson_abi.h"
#include "netd/reconcile/plan.hh"
#include "tests/unit/vpc/apply/world.hh"
#include "vpc/compile/compile.hh"

namespace caisson::netd::reconcile {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

template <class T>
T as(const std::string& bytes) {
  T value{};
  EXPECT_EQ(bytes.size(), sizeof value);
  std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
  return value;
}

/// A VPC with one member at 10.0.1.4, whose group admits TCP 8080.
struct Site {
  vpc::World world;
  vpc::VpcId vpc = world.vpc();
  vpc::SubnetId subnet = world.subnet(vpc);
  vpc::SecurityGroupId group = world.group(vpc);
  vpc::NetworkInterfaceId interface = world.interface(subnet, {group});
  std::string rule = allow(8080);

  Site() { EXPECT_EQ(world.code(vpc::AttachNetworkInterface{interface, "db", 0}), ""); }

  std::string allow(int port) {
    const vpc::Permission permission{false, vpc::kTcp, port, port, vpc::block("10.0.1.0/24")};
    return world.id(vpc::AuthorizeSecurityGroup{group, false, {{permission, ""}}, {}});
  }
  [[nodiscard]] Indexes indexes() const {
    return {{vpc::bridge_name(subnet), 7}, {vpc::member_port_name(number()), 8}};
  }
  [[nodiscard]] std::uint32_t number() const {
    return find(world.state.network_interfaces, interface)->number;
  }
  [[nodiscard]] std::uint32_t vpc_number() const { return find(world.state.vpcs, vpc)->number; }
  [[nodiscard]] Tables tables(const Tables& observed = {}) const {
    return desired_tables(compile(world.state), indexes(), observed, {vpc::block("127.0.0.0/8")});
  }
  [[nodiscard]] std::uint32_t generation(const Tables& tables) const {
    return as<std::uint32_t>(tables.at("vpcs").begin()->second);
  }
};

TEST(DesiredTables, NameAllTablesEvenWhenEmpty) {
  const auto tables = desired_tables({}, {}, {}, {});
  EXPECT_THAT(tables, SizeIs(table_names().size()));
  for (const auto& [name, table] : tables)
    EXPECT_THAT(table, IsEmpty()) << name;
}

TEST(DesiredTables, HoldAMember) {
  const Site site;
  const auto tables = site.tables();
  ASSERT_THAT(tables.at("enis"), SizeIs(1));
  const auto& [key_bytes, value_bytes] = *tables.at("enis").begin();
  const auto key = as<caisson_eni_key>(key_bytes);
  EXPECT_EQ(key.vpc, site.vpc_number());
  EXPECT_EQ((std::vector<int>(key.address, key.address + 4)), (std::vector{10, 0, 1, 4}));
  const auto eni = as<caisson_eni>(value_bytes);
  EXPECT_EQ(eni.number, site.number());
  EXPECT_EQ(eni.port, 8U);
  EXPECT_EQ(eni.bridge, 7U);
  EXPECT_EQ(std::string(eni.id), site.interface.text());
  EXPECT_EQ(as<std::uint32_t>(tables.at("identities").begin()->first), site.number());
  EXPECT_EQ(tables.at("identities").begin()->second, key_bytes);
  EXPECT_EQ(as<std::uint32_t>(tables.at("members").begin()->first), 8U);
  EXPECT_EQ(tables.at("members").begin()->second, key_bytes);
  EXPECT_EQ(as<std::uint64_t>(tables.at("eni_flows").begin()->second), 0U);
}

TEST(DesiredTables, HoldRulesWithPortsInNetworkOrder) {
  const Site site;
  const auto tables = site.tables();
  int found = 0;
  for (const auto& [key_bytes, value] : tables.at("sg_rules")) {
    if (std::string(as<caisson_rule>(value).id) != site.rule) continue;
    ++found;
    const auto key = as<caisson_rule_key>(key_bytes);
    EXPECT_EQ(key.prefix_bits, CAISSON_RULE_FIXED_BITS + 16U);
    EXPECT_EQ(key.vpc, site.vpc_number());
    EXPECT_EQ(key.direction, CAISSON_INGRESS);
    EXPECT_EQ(key.protocol, vpc::kTcp);
    EXPECT_EQ(key_bytes.substr(key_bytes.size() - 2), "\x1f\x90");  // 8080
    EXPECT_EQ(as<caisson_rule>(value).untracked_tcp, 0);
  }
  EXPECT_EQ(found, 1);
}

TEST(DesiredTables, HoldRoutesAndForbiddenBlocks) {
  const Site site;
  const auto tables = site.tables();
  ASSERT_THAT(tables.at("routes"), SizeIs(1));
  const auto route = as<caisson_route_key>(tables.at("routes").begin()->first);
  EXPECT_EQ(route.prefix_bits, CAISSON_ROUTE_FIXED_BITS + 16U);
  EXPECT_EQ(route.subnet, find(site.world.state.subnets, site.subnet)->number);
  EXPECT_EQ(as<caisson_route>(tables.at("routes").begin()->second).target,
            static_cast<__u32>(CAISSON_ROUTE_LOCAL));
  const auto forbidden = as<caisson_address_key>(tables.at("forbidden").begin()->first);
  EXPECT_EQ(forbidden.prefix_bits, 8U);
  EXPECT_EQ(forbidden.address[0], 127);
}

TEST(DesiredTables, OfAFunctionInterfaceHaveNoMember) {
  vpc::World world;
  world.id(vpc::EnsureFunctionInterface{"f#1", {}, {}});
  const auto tables = desired_tables(compile(world.state), {}, {}, {});
  EXPECT_THAT(tables.at("enis"), SizeIs(1));
  EXPECT_EQ(as<caisson_eni>(tables.at("enis").begin()->second).port, 0U);
  EXPECT_THAT(tables.at("members"), IsEmpty());
  EXPECT_EQ(as<caisson_route>(tables.at("routes").begin()->second).target,
            static_cast<__u32>(CAISSON_ROUTE_MANAGED));
}

TEST(Generation, StaysWhileNothingChanges) {
  const Site site;
  const auto first = site.tables();
  EXPECT_EQ(site.generation(first), 1U);
  EXPECT_EQ(site.tables(first), first);
  EXPECT_THAT(diff_tables(site.tables(first), first), IsEmpty());
}

TEST(Generation, IsTheNextOneAfterAChange) {
  Site site;
  const auto first = site.tables();
  site.allow(9090);
  const auto second = site.tables(first);
  EXPECT_EQ(site.generation(second), 2U);
  EXPECT_EQ(site.tables(second), second);
  for (const auto* name : {"classes", "sg_rules"}) {
    for (const auto& [key, value] : second.at(name))
      EXPECT_FALSE(first.at(name).contains(key)) << "nothing that holds is overwritten: " << name;
  }
}

TEST(Generation, IsTheNextOneWhenTheKernelLostARule) {
  const Site site;
  auto observed = site.tables();
  observed["sg_rules"].erase(observed["sg_rules"].begin());
  EXPECT_EQ(site.generation(site.tables(observed)), 2U);
}

TEST(FlowCounters, AreTheDatapathsOwn) {
  const Site site;
  auto observed = site.tables();
  observed["eni_flows"].begin()->second = std::string("\5\0\0\0\0\0\0\0", 8);
  EXPECT_THAT(diff_tables(site.tables(observed), observed), IsEmpty());
}

TEST(DescribeKey, IsTheTableAndHexadecimal) {
  EXPECT_EQ(describe_key("vpcs", std::string("\x01\x00\xfe", 3)), "vpcs 0100fe");
  EXPECT_EQ(describe_key("vpcs", ""), "vpcs ");
}

}  // namespace
}  // namespace caisson::netd::reconcile
