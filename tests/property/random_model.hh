// Random models and what a property needs to make them. A case is what its seed says.
#pragma once

#include <random>
#include <vector>

#include "tests/support/model.hh"

namespace caisson::test {

/// Numbers from one seed.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  /// 0 .. below - 1.
  int roll(int below) { return std::uniform_int_distribution<int>(0, below - 1)(engine_); }
  bool one_in(int times) { return roll(times) == 0; }
  template <class T>
  const T& pick(const std::vector<T>& values) {
    return values.at(static_cast<std::size_t>(roll(static_cast<int>(values.size()))));
  }
  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
};

/// Two VPCs with the same block of addresses, the same subnets and members at the same addresses; groups and rules of
/// each VPC are its own.
struct World {
  Model model;
  std::vector<vpc::VpcId> vpcs;
  std::vector<std::vector<vpc::SecurityGroupId>> groups;  ///< by the VPC's place in `vpcs`
  std::vector<vpc::NetworkInterfaceId> interfaces;
  std::vector<vpc::RouteTableId> tables;  ///< beside the main ones
};

World random_world(Dice& dice);

/// Tables, routes and endpoints come and go, and subnets change tables.
void add_routing(Dice& dice, World& world, std::size_t vpc, const std::vector<vpc::SubnetId>& subnets);

/// A rule for a group of that VPC. Few values, so that rules and packets meet.
vpc::Permission random_permission(Dice& dice, const World& world, std::size_t vpc);

/// Adds, or tries to: duplicates are left out.
void add_rules(Dice& dice, World& world, std::size_t vpc, int count);

/// A port that rules speak of, or one beside it.
int random_port(Dice& dice);

}  // namespace caisson::test
