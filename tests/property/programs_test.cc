// The shipped programs against the oracle: random groups, rules, members and packets; the same verdict, and the same
// deciding rule. RapidCheck prints the seed of a failure; RC_PARAMS="seed=..." runs it again.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <random>

#include "tests/support/datapath.hh"
#include "tests/support/model.hh"
#include "tests/support/packet.hh"
#include "vpc/decide/decide.hh"

namespace caisson::test {
namespace {

constexpr int kPacketsPerState = 60;
constexpr int kMembers = 4;
constexpr int kGroups = 4;

/// Numbers of one case, from one seed: a case is what the seed says.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  int roll(int below) { return std::uniform_int_distribution<int>(0, below - 1)(engine_); }
  template <class T>
  const T& pick(const std::vector<T>& values) {
    return values.at(static_cast<std::size_t>(roll(static_cast<int>(values.size()))));
  }

 private:
  std::mt19937_64 engine_;
};

struct World {
  Model model;
  std::vector<vpc::SecurityGroupId> groups;
  std::vector<vpc::NetworkInterface> members;
};

// Few values, so that rules and packets meet.
const std::vector<int> kPorts{0, 1, 22, 80, 81, 443, 5432, 8080, 32768, 65535};
const std::vector<std::string> kBlocks{"0.0.0.0/0",    "10.0.0.0/16", "10.0.1.0/24",
                                       "10.0.1.10/32", "10.0.1.8/29", "198.51.100.0/24"};

vpc::Permission random_permission(Dice& dice, const World& world) {
  vpc::Permission made;
  made.egress = dice.roll(2) == 0;
  made.protocol = dice.pick(
      std::vector<int>{vpc::kAllProtocols, vpc::kTcp, vpc::kTcp, vpc::kUdp, vpc::kUdp, vpc::kIcmp, 47});
  if (made.protocol == vpc::kTcp || made.protocol == vpc::kUdp) {
    const int a = dice.pick(kPorts);
    const int b = dice.pick(kPorts);
    made.from_port = std::min(a, b);
    made.to_port = std::max(a, b);
  } else if (made.protocol == vpc::kIcmp && dice.roll(2) == 0) {
    made.from_port = dice.roll(2) == 0 ? 8 : 0;
    made.to_port = dice.roll(2) == 0 ? -1 : 0;
  }
  if (dice.roll(2) == 0) {
    made.peer = dice.pick(world.groups);
  } else {
    made.peer = cidr(dice.pick(kBlocks));
  }
  return made;
}

World random_world(Dice& dice) {
  World world;
  const auto vpc = world.model.make_vpc("10.0.0.0/16");
  const auto subnet = world.model.make_subnet(vpc, "10.0.1.0/24");
  for (int i = 0; i < kGroups; ++i) {
    world.groups.push_back(world.model.make_group(vpc, "group" + std::to_string(i)));
  }
  std::map<vpc::SecurityGroupId, std::set<vpc::Permission>> known;
  for (int i = dice.roll(20) + 4; i > 0; --i) {
    const auto group = dice.pick(world.groups);
    const auto rule = random_permission(dice, world);
    if (known[group].insert(rule).second) world.model.allow(group, rule);
  }
  for (int i = 0; i < kMembers; ++i) {
    std::vector<vpc::SecurityGroupId> groups;
    for (const auto& group : world.groups) {
      if (dice.roll(2) == 0) groups.push_back(group);
    }
    if (groups.empty()) groups.push_back(world.groups[0]);
    world.members.push_back(
        world.model.make_member(subnet, "10.0.1." + std::to_string(10 + i), std::move(groups)));
  }
  return world;
}

struct Case {
  PacketParts parts;
  vpc::Packet packet;  ///< with the peer of whoever is asked
  const vpc::NetworkInterface* sender = nullptr;
  const vpc::NetworkInterface* target = nullptr;  ///< nullptr: no interface has the address
};

Case random_case(Dice& dice, const World& world) {
  Case made;
  made.sender = &dice.pick(world.members);
  if (dice.roll(3) != 0) {
    made.target = &dice.pick(world.members);
    made.parts.destination = made.target->address;
  } else {
    made.parts.destination = address(dice.roll(2) == 0 ? "198.51.100.10" : "10.0.1.200");
  }
  made.parts.source = made.sender->address;
  made.parts.source_mac = made.sender->mac;
  made.parts.protocol =
      dice.pick(std::vector<int>{vpc::kTcp, vpc::kUdp, vpc::kTcp, vpc::kUdp, vpc::kIcmp, 47, 50});
  made.parts.destination_port =
      static_cast<std::uint16_t>(std::clamp(dice.pick(kPorts) + dice.roll(3) - 1, 0, 65535));
  made.packet.protocol = made.parts.protocol;
  if (made.parts.protocol == vpc::kTcp || made.parts.protocol == vpc::kUdp) {
    made.packet.port = made.parts.destination_port;
  } else if (made.parts.protocol == vpc::kIcmp) {
    made.packet.port = 8 * 256;
  }
  return made;
}

/// What was seen over the whole run: the test is worth something only when everything occurs.
struct Seen {
  std::map<std::uint32_t, int> reasons;
  int decided = 0;
};

void hold_egress(TestDatapath& datapath, const World& world, const Case& item, Seen& seen) {
  datapath.forget();
  datapath.use_member(item.sender->id);
  vpc::Packet packet = item.packet;
  packet.peer = item.parts.destination;
  const auto* rule = vpc::deciding_rule(world.model.state, *item.sender, true, packet);
  const auto route = vpc::decide_route(world.model.state, item.sender->subnet, item.parts.destination);
  std::uint32_t wanted = CAISSON_ACCEPTED;
  if (rule == nullptr) {
    wanted = CAISSON_SG_EGRESS;
  } else if (!route) {
    wanted = CAISSON_NO_ROUTE;
  } else if (item.target == nullptr) {
    wanted = CAISSON_NO_DESTINATION;
  }
  const auto ran = datapath.run(Program::kFromGuest, build(item.parts));
  const auto records = datapath.records();
  RC_ASSERT(records.size() == 1U);
  RC_ASSERT(records[0].value.reason == wanted);
  RC_ASSERT(ran.action == (wanted == CAISSON_ACCEPTED ? 7 : 2));
  RC_ASSERT(std::string(records[0].value.rule) == (rule == nullptr ? "" : rule->id.text()));
  ++seen.reasons[wanted];
  ++seen.decided;
}

void hold_ingress(TestDatapath& datapath, const World& world, const Case& item, Seen& seen) {
  if (item.target == nullptr) return;
  datapath.forget();
  datapath.use_member(item.target->id);
  vpc::Packet packet = item.packet;
  packet.peer = item.parts.source;
  const auto* rule = vpc::deciding_rule(world.model.state, *item.target, false, packet);
  const std::uint32_t mark = CAISSON_MARK | world.model.state.vpcs.at(item.target->vpc)->number;
  const auto ran = datapath.run(Program::kToGuest, build(item.parts), mark);
  const auto records = datapath.records();
  const std::uint32_t wanted = rule == nullptr ? CAISSON_SG_INGRESS : CAISSON_ACCEPTED;
  RC_ASSERT(records.size() == 1U);
  RC_ASSERT(records[0].value.reason == wanted);
  RC_ASSERT(ran.action == (rule == nullptr ? 2 : 0));
  RC_ASSERT(std::string(records[0].value.rule) == (rule == nullptr ? "" : rule->id.text()));
  ++seen.reasons[wanted];
  ++seen.decided;
}

TEST(Programs, DecideAsTheOracleDoes) {
  TestDatapath datapath("property");
  Seen seen;
  // A property runs at most 100 cases by default; each has a seed of its own.
  const bool held = rc::check("verdict and deciding rule", [&](std::uint64_t seed) {
    Dice dice(seed);
    const World world = random_world(dice);
    datapath.fill(world.model.state);
    for (int i = 0; i < kPacketsPerState; ++i) {
      const Case item = random_case(dice, world);
      hold_egress(datapath, world, item, seen);
      hold_ingress(datapath, world, item, seen);
    }
  });
  ASSERT_TRUE(held);
  EXPECT_GE(seen.reasons[CAISSON_ACCEPTED] * 100, seen.decided * 30);
  for (const auto reason :
       {CAISSON_ACCEPTED, CAISSON_SG_EGRESS, CAISSON_SG_INGRESS, CAISSON_NO_ROUTE, CAISSON_NO_DESTINATION}) {
    EXPECT_GE(seen.reasons[reason], 100) << "reason " << reason;
  }
}

}  // namespace
}  // namespace caisson::test
