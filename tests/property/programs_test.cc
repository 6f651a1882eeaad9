// The shipped programs against the oracle: random groups, rules, interfaces and packets; the same verdict, and the same
// deciding rule. RapidCheck prints the seed of a failure; RC_PARAMS="seed=..." runs it again.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

#include "tests/property/random_model.hh"
#include "tests/support/datapath.hh"
#include "tests/support/packet.hh"
#include "vpc/decide/decide.hh"

namespace caisson::test {
namespace {

constexpr int kPacketsPerState = 220;
constexpr std::uint16_t kBlock = 40;  // of ports that no packet goes to: to the block of a slot is a way
constexpr int kPass = 0;
constexpr int kShot = 2;
constexpr int kRedirect = 7;
constexpr MacAddress kGuestMac{.bytes = CAISSON_GUEST_MAC};

struct Case {
  bool egress = false;
  const vpc::NetworkInterface* self = nullptr;
  vpc::Packet packet;
  std::uint16_t id = 7;  ///< of the IP header
};

bool is_function(const vpc::NetworkInterface& interface) {
  return interface.type == vpc::InterfaceType::kLambda;
}

/// Of both prefix lists.
const std::vector<Ipv4Address> kServiceAddresses{address("203.0.113.10"), address("203.0.113.70"),
                                                 address("203.0.113.200")};

/// An address that the peer means, where there is one: a member's if possible.
Ipv4Address address_in(Dice& dice, const World& world, const vpc::NetworkInterface& self,
                       const vpc::Permission& permission) {
  std::vector<Ipv4Address> fitting;
  const auto* block = std::get_if<Ipv4Cidr>(&permission.peer);
  const auto service = dice.pick(kServiceAddresses);
  if (std::holds_alternative<vpc::PrefixListId>(permission.peer)) return service;
  if (block != nullptr && block->contains(service) && !dice.one_in(4)) return service;
  for (const auto& [id, other] : world.model.state.network_interfaces) {
    if (other->vpc != self.vpc) continue;
    const bool fits = block != nullptr ? block->contains(other->address)
                                       : std::count(other->groups.begin(), other->groups.end(),
                                                    std::get<vpc::SecurityGroupId>(permission.peer)) > 0;
    if (fits) fitting.push_back(other->address);
  }
  if (fitting.empty() || (block != nullptr && dice.one_in(6))) {
    return block == nullptr ? self.address : block->last();
  }
  return dice.pick(fitting);
}

/// A packet like those that the rule is about.
vpc::Packet packet_for(Dice& dice, const World& world, const Case& item, const vpc::Permission& permission) {
  vpc::Packet packet{.peer = address_in(dice, world, *item.self, permission),
                     .protocol = permission.protocol,
                     .port = permission.from_port < 0 ? random_port(dice) : permission.from_port};
  if (packet.protocol == vpc::kAllProtocols)
    packet.protocol = dice.pick(std::vector<int>{6, 17, 1, 0, 50, 255});
  if (permission.protocol == vpc::kIcmp && permission.from_port >= 0) {
    packet.port = permission.from_port * 256 + std::max(permission.to_port, 0);
  } else if (dice.one_in(4)) {
    packet.port = random_port(dice);
  }
  return packet;
}

vpc::Packet random_packet(Dice& dice, const World& world, const Case& item) {
  const auto& other = *world.model.state.network_interfaces.at(dice.pick(world.interfaces));
  const std::vector<Ipv4Address> peers{
      other.address,           other.address,           address("10.0.1.200"),    address("198.51.100.10"),
      address("203.0.113.10"), address("203.0.113.70"), address("203.0.113.200"), item.self->address};
  return {.peer = dice.pick(peers),
          .protocol = dice.pick(std::vector<int>{6, 17, 1, 0, 47, 50, 255}),
          .port = random_port(dice)};
}

/// Does the packet, if it is let pass, leave an entry in conntrack?
bool is_tracked(const World& world, const Case& item) {
  return vpc::begins_tracked_flow(world.model.state, *item.self, item.egress, item.packet);
}

/// What can be asked of the datapath: echo is the only ICMP, a function sends no reply and no other protocol.
void make_sendable(Dice& dice, Case& item) {
  vpc::Packet& packet = item.packet;
  if (is_function(*item.self) && packet.protocol != vpc::kIcmp && packet.protocol != vpc::kUdp) {
    packet.protocol = vpc::kTcp;
  }
  if (packet.protocol == vpc::kIcmp) {
    const int type = packet.port / 256;
    const bool echo = type == 8 || (type == 0 && !is_function(*item.self));
    packet.port = echo ? packet.port : 8 * 256 + dice.roll(2);
  } else if (packet.protocol != vpc::kTcp && packet.protocol != vpc::kUdp) {
    packet.port = 0;
  }
}

Case random_case(Dice& dice, const World& world) {
  Case item{.egress = dice.one_in(2),
            .self = world.model.state.network_interfaces.at(dice.pick(world.interfaces)).get()};
  // Every packet to a function is refused here, which one in eight shows well enough.
  if (is_function(*item.self) && !dice.one_in(8)) item.egress = true;
  std::vector<const vpc::Permission*> rules;
  for (const auto& [id, rule] : world.model.state.security_group_rules) {
    const auto& groups = item.self->groups;
    const bool ours = std::count(groups.begin(), groups.end(), rule->group) > 0;
    if (ours && rule->permission.egress == item.egress) rules.push_back(&rule->permission);
  }
  item.packet = rules.empty() || dice.one_in(6) ? random_packet(dice, world, item)
                                                : packet_for(dice, world, item, *dice.pick(rules));
  make_sendable(dice, item);
  item.packet.source_port = is_function(*item.self) || dice.one_in(2) ? 40000 : random_port(dice);
  item.packet.begins = item.packet.protocol != vpc::kTcp || !dice.one_in(4);
  return item;
}

std::string bytes_for(const Case& item) {
  PacketParts parts{.protocol = item.packet.protocol, .id = item.id};
  const Ipv4Address self =
      item.egress && is_function(*item.self) ? address("169.254.100.2") : item.self->address;
  parts.source = item.egress ? self : item.packet.peer;
  parts.destination = item.egress ? item.packet.peer : self;
  parts.source_mac = is_function(*item.self) ? kGuestMac : item.self->mac;
  parts.source_port = static_cast<std::uint16_t>(item.packet.source_port);
  parts.destination_port = static_cast<std::uint16_t>(item.packet.port);
  parts.tcp_flags = item.packet.begins ? 0x02 : 0x10;
  parts.icmp_type = item.packet.port / 256;
  parts.icmp_code = item.packet.port % 256;
  return build(parts);
}

struct Expected {
  std::uint32_t reason = CAISSON_ACCEPTED;
  const vpc::SecurityGroupRule* rule = nullptr;
  std::string endpoint = {};
};

Expected expected(const World& world, const Case& item) {
  const vpc::State& state = world.model.state;
  // Nothing comes to a function but what belongs to a flow that it began.
  if (!item.egress && is_function(*item.self)) return {.reason = CAISSON_NO_FLOW};
  const auto* rule = vpc::deciding_rule(state, *item.self, item.egress, item.packet);
  if (rule == nullptr) return {.reason = item.egress ? CAISSON_SG_EGRESS : CAISSON_SG_INGRESS};
  if (!item.egress) return {.rule = rule};
  const auto way = vpc::decide_way(state, item.self->subnet, item.packet.peer);
  if (!way) return {.reason = CAISSON_NO_ROUTE, .rule = rule};
  if (way->target == vpc::RouteTarget::kInterface) return {.reason = CAISSON_BLACKHOLE, .rule = rule};
  if (way->target == vpc::RouteTarget::kEndpoint) {
    const bool goes = item.packet.protocol == vpc::kTcp;
    return {.reason = goes ? CAISSON_ACCEPTED : CAISSON_PROTOCOL, .rule = rule, .endpoint = way->endpoint};
  }
  for (const auto& [id, other] : state.network_interfaces) {
    if (other->vpc != item.self->vpc || other->address != item.packet.peer) continue;
    return {.reason = is_function(*other) ? CAISSON_NO_FLOW : CAISSON_ACCEPTED, .rule = rule};
  }
  return {.reason = CAISSON_NO_DESTINATION, .rule = rule};
}

struct Decision {
  std::uint32_t reason = 0;
  std::string rule;
  std::string eni;
  std::string endpoint;
  int action = 0;
  int direction = 0;
  int returned = 0;
  bool operator==(const Decision&) const = default;
};

std::string text(const Decision& decision) {
  return "reason " + std::to_string(decision.reason) + " rule \"" + decision.rule + "\" of " + decision.eni +
         " endpoint \"" + decision.endpoint + "\"" + " action " + std::to_string(decision.action) +
         " direction " + std::to_string(decision.direction) + " returned " +
         std::to_string(decision.returned);
}

std::string text(const Case& item) {
  return item.self->id.text() + (item.egress ? " to " : " from ") + item.packet.peer.text() + " protocol " +
         std::to_string(item.packet.protocol) + " port " + std::to_string(item.packet.port);
}

/// How often each outcome occurred over the whole run: the test is worth something only when everything does.
struct Seen {
  std::map<std::string, int> outcomes;
  int accepted = 0;
  int decided = 0;
};

std::string protocol_kind(int protocol) {
  switch (protocol) {
    case vpc::kAllProtocols:
      return "all";
    case vpc::kTcp:
      return "tcp";
    case vpc::kUdp:
      return "udp";
    case vpc::kIcmp:
      return "icmp";
    default:
      return "other";
  }
}

std::string outcome(bool egress, const std::string& peer, const std::string& protocol) {
  return std::string(egress ? "egress " : "ingress ") + peer + " " + protocol;
}

void note(const Expected& wanted, bool egress, Seen& seen) {
  ++seen.decided;
  if (wanted.reason == CAISSON_ACCEPTED) ++seen.accepted;
  ++seen.outcomes["reason " + std::to_string(wanted.reason)];
  if (!wanted.endpoint.empty() && wanted.reason == CAISSON_ACCEPTED) ++seen.outcomes["to an endpoint"];
  if (wanted.rule == nullptr) return;
  const auto& permission = wanted.rule->permission;
  const std::vector<const char*> kinds{"block", "group", "list"};
  ++seen.outcomes[outcome(egress, kinds.at(permission.peer.index()), protocol_kind(permission.protocol))];
}

/// The device becomes the interface's port or slot; the mark of what comes to it.
std::uint32_t become(TestDatapath& datapath, const World& world, const vpc::NetworkInterface& self) {
  const std::uint32_t number = world.model.state.vpcs.at(self.vpc)->number;
  datapath.remove_slot();
  if (is_function(self)) {
    datapath.put_slot(slot_of(world.model.state, self, kBlock, 7));
  } else {
    datapath.use_member(self.id);
  }
  return CAISSON_MARK | number;
}

void hold(TestDatapath& datapath, const World& world, const Case& item, Seen& seen) {
  datapath.forget();
  const std::uint32_t mark = become(datapath, world, *item.self);
  const Expected wanted = expected(world, item);
  const auto ran = item.egress ? datapath.run(Program::kFromGuest, bytes_for(item))
                               : datapath.run(Program::kToGuest, bytes_for(item), mark);
  const auto records = datapath.records();
  if (records.size() != 1) RC_FAIL(text(item) + ": " + std::to_string(records.size()) + " records");
  const bool accepted = wanted.reason == CAISSON_ACCEPTED;
  const Decision got{.reason = records[0].value.reason,
                     .rule = records[0].value.rule,
                     .eni = records[0].value.eni,
                     .endpoint = records[0].value.endpoint,
                     .action = records[0].key.action,
                     .direction = records[0].key.direction,
                     .returned = ran.action};
  const Decision oracle{.reason = wanted.reason,
                        .rule = wanted.rule == nullptr ? "" : wanted.rule->id.text(),
                        .eni = item.self->id.text(),
                        .endpoint = wanted.endpoint,
                        .action = accepted ? CAISSON_ACCEPT : CAISSON_REJECT,
                        .direction = item.egress ? CAISSON_EGRESS : CAISSON_INGRESS,
                        .returned = !accepted     ? kShot
                                    : item.egress ? kRedirect
                                                  : kPass};
  if (got != oracle) RC_FAIL(text(item) + ": " + text(got) + " instead of " + text(oracle));
  const std::size_t entries = accepted && is_tracked(world, item) ? 1 : 0;
  const auto left = datapath.dump("conntrack").size();
  if (left != entries) RC_FAIL(text(item) + ": " + std::to_string(left) + " entries of flows");
  if (accepted && entries == 0) {
    const bool first = item.packet.begins;
    ++seen.outcomes[std::string("untracked ") + (first ? "" : "later ") +
                    protocol_kind(item.packet.protocol)];
  }
  note(wanted, item.egress, seen);
}

constexpr std::size_t kFragment = 24;

/// One datagram in fragments through one program, each followed by another one in random order; some lost, some twice,
/// some of another datagram. By the oracle a fragment passes if its datagram's first one did (as a whole packet would)
/// and all bytes before it have passed, once.
void hold_fragments(TestDatapath& datapath, const World& world, Dice& dice, Case item, Seen& seen) {
  datapath.forget();
  const std::uint32_t mark = become(datapath, world, *item.self);
  const Expected wanted = expected(world, item);
  const bool accepted = wanted.reason == CAISSON_ACCEPTED;
  item.id = static_cast<std::uint16_t>(dice.roll(65536));
  const std::string packet = bytes_for(item) + std::string(static_cast<std::size_t>(dice.roll(40)), 'x');
  auto fragments = fragments_of(with_fragment(packet + std::string(2 * kFragment, 'y'), 0), kFragment);
  std::size_t next = 0;  // the fragment that may pass
  std::uint64_t dropped = 0;
  for (int i = 0; i < 8; ++i) {
    std::size_t chosen = next;
    if (next >= fragments.size() || dice.one_in(3)) {
      chosen = static_cast<std::size_t>(dice.roll(static_cast<int>(fragments.size())));
    }
    if (chosen == 0 && next > 0) continue;  // a first one begins anew
    const bool other = chosen > 0 && dice.one_in(6);
    std::string sent = fragments[chosen];
    if (other) sent.at(19) = static_cast<char>(sent.at(19) + 1);  // another datagram: its id
    const auto ran =
        datapath.run(item.egress ? Program::kFromGuest : Program::kToGuest, sent, item.egress ? 0 : mark);
    const bool passes = accepted && !other && chosen == next;
    const int pass = item.egress ? kRedirect : kPass;
    if (ran.action != (passes ? pass : kShot)) {
      RC_FAIL(text(item) + ": fragment " + std::to_string(chosen) + " instead of " + std::to_string(next) +
              " returned " + std::to_string(ran.action));
    }
    if (passes) ++next;
    dropped += !passes && chosen > 0 ? 1 : 0;
    ++seen.outcomes[passes ? chosen == 0 ? "first fragment" : "later fragment" : "fragment dropped"];
  }
  const auto drops = datapath.all_drops();
  const auto counted = drops.find(CAISSON_FRAGMENT);
  RC_ASSERT((counted == drops.end() ? 0 : counted->second) == dropped);
}

bool is_member(const World& world, const Case& item) {
  const auto& interfaces = world.model.state.network_interfaces;
  return std::any_of(interfaces.begin(), interfaces.end(), [&](const auto& one) {
    const auto& other = *one.second;
    return other.vpc == item.self->vpc && other.address == item.packet.peer && !is_function(other);
  });
}

/// The rule of the error's type and code.
const vpc::SecurityGroupRule* rule_of_error(const World& world, const Case& item, const ErrorParts& error) {
  if (is_function(*item.self) || !is_member(world, item)) return nullptr;
  const vpc::Packet packet{
      .peer = item.packet.peer, .protocol = vpc::kIcmp, .port = error.type * 256 + error.code};
  return vpc::deciding_rule(world.model.state, *item.self, !item.egress, packet);
}

std::string rule_of_record(const TestDatapath& datapath) {
  for (const auto& record : datapath.records()) {
    if (record.key.protocol == vpc::kIcmp) return record.value.rule;
  }
  return "";
}

/// An error about the packet of a flow, or about one that differs from it in one thing. It passes, in both directions,
/// if and only if it goes to where the quoted packet came from, and the flow is tracked, or a rule admits the error.
void hold_errors(TestDatapath& datapath, const World& world, Dice& dice, const Case& item, Seen& seen) {
  if (item.packet.protocol != vpc::kTcp && item.packet.protocol != vpc::kUdp) return;
  if (!item.egress && is_function(*item.self)) return;  // it gets nothing to complain of
  datapath.forget();
  const std::uint32_t mark = become(datapath, world, *item.self);
  const Expected wanted = expected(world, item);
  const bool accepted = wanted.reason == CAISSON_ACCEPTED;
  // What comes back from a service quotes the identity, which from_stack maps back before.
  if (item.egress && accepted && !wanted.endpoint.empty()) return;
  const auto ran = item.egress ? datapath.run(Program::kFromGuest, bytes_for(item))
                               : datapath.run(Program::kToGuest, bytes_for(item), mark);
  // As the network sees it: what a refused one would look like matters to nobody.
  std::string quoted = accepted ? ran.packet : bytes_for(item);
  const int change = dice.roll(8);
  if (change < 4) {  // an end's port or address
    const std::size_t at = std::vector<std::size_t>{14 + 12 + 3, 14 + 16 + 3, 34 + 1, 36 + 1}.at(
        static_cast<std::size_t>(change));
    quoted.at(at) = static_cast<char>(quoted.at(at) ^ 1);
  }
  const auto seen_quoted = view(quoted);
  // Who sent gets the error; who got sends it.
  const ErrorParts error{.source_mac = item.self->mac,
                         .source = item.egress ? item.packet.peer : item.self->address,
                         .destination = item.egress ? item.self->address : item.packet.peer,
                         .type = dice.pick(std::vector<int>{3, 11, 12}),
                         .bytes = static_cast<std::size_t>(28 + 8 * dice.roll(2))};
  const auto got = item.egress ? datapath.run(Program::kToGuest, build_error(error, quoted), mark)
                               : datapath.run(Program::kFromGuest, build_error(error, quoted));
  // The peer has the packet's place in the model: the way back to a member is there if it is one.
  const bool by_flow = accepted && is_tracked(world, item) && change >= 4;
  const bool right_way = item.egress ? change != 0 : change > 1;
  const auto* rule = by_flow ? wanted.rule : right_way ? rule_of_error(world, item, error) : nullptr;
  bool passes = by_flow || rule != nullptr;
  std::uint32_t reason = passes ? CAISSON_ACCEPTED : CAISSON_ICMP_ERROR;
  if (passes && !item.egress) {
    Case back = item;
    const auto way = vpc::decide_way(world.model.state, item.self->subnet, item.packet.peer);
    if (!way) reason = CAISSON_NO_ROUTE;
    if (way && way->target == vpc::RouteTarget::kInterface) reason = CAISSON_BLACKHOLE;
    bool somebody = way && way->target == vpc::RouteTarget::kEndpoint;
    for (const auto& [id, other] : world.model.state.network_interfaces) {
      if (other->vpc != back.self->vpc || other->address != back.packet.peer) continue;
      somebody = true;
      if (is_function(*other)) reason = CAISSON_NO_FLOW;
    }
    if (reason == CAISSON_ACCEPTED && !somebody) reason = CAISSON_NO_DESTINATION;
    passes = reason == CAISSON_ACCEPTED;
  }
  const int pass = item.egress ? kPass : kRedirect;
  if (got.action != (passes ? pass : kShot)) {
    RC_FAIL("error about " + text(item) + " changed " + std::to_string(change) + " returned " +
            std::to_string(got.action) + " wanted reason " + std::to_string(reason) + " from " +
            seen_quoted.source.text());
  }
  if (reason == CAISSON_ICMP_ERROR) RC_ASSERT(datapath.all_drops()[CAISSON_ICMP_ERROR] == 1);
  if (passes) RC_ASSERT(view(got.packet).checksums_right);
  if (passes) RC_ASSERT(rule_of_record(datapath) == rule->id.text());
  ++seen.outcomes[!passes ? "error dropped" : item.egress ? "error in" : "error out"];
  if (passes && !by_flow) ++seen.outcomes["error by a rule"];
}

TEST(Programs, DecideAsTheOracleDoes) {
  TestDatapath datapath("property");
  Seen seen;
  const bool held = rc::check("verdict and deciding rule", [&] {
    const auto seed =
        *rc::gen::noShrink(rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint64_t>()));
    Dice dice(seed);
    const World world = random_world(dice);
    datapath.fill(world.model.state);
    for (int i = 0; i < kPacketsPerState; ++i) {
      hold(datapath, world, random_case(dice, world), seen);
      if (i % 10 == 0) hold_fragments(datapath, world, dice, random_case(dice, world), seen);
      if (i % 5 == 1 || i % 5 == 3) hold_errors(datapath, world, dice, random_case(dice, world), seen);
    }
  });
  ASSERT_TRUE(held);
  EXPECT_GE(seen.accepted * 100, seen.decided * 30);
  std::vector<std::string> wanted{
      "first fragment", "later fragment",      "fragment dropped", "error in",
      "error out",      "error dropped",       "error by a rule",  "to an endpoint",
      "untracked tcp",  "untracked later tcp", "untracked udp"};
  for (const auto reason : {CAISSON_ACCEPTED, CAISSON_SG_EGRESS, CAISSON_SG_INGRESS, CAISSON_NO_ROUTE,
                            CAISSON_NO_DESTINATION, CAISSON_NO_FLOW, CAISSON_BLACKHOLE, CAISSON_PROTOCOL}) {
    wanted.push_back("reason " + std::to_string(reason));
  }
  for (const bool egress : {false, true}) {
    for (const char* peer : {"block", "group"}) {
      for (const char* protocol : {"all", "tcp", "udp", "icmp", "other"}) {
        wanted.push_back(outcome(egress, peer, protocol));
      }
    }
  }
  for (const auto& name : wanted) {
    EXPECT_GE(seen.outcomes[name], 100) << name;
  }
}

}  // namespace
}  // namespace caisson::test
