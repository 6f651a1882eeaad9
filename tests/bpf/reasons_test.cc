// Each reason for a drop, by the shipped program: the packet that meets it is dropped and counted exactly as often as it
// was sent, and the same packet without the fault passes.
#include "tests/bpf/fixture.hh"

namespace caisson::test {
namespace {

class Reasons : public DatapathTest {};

TEST_F(Reasons, SealedWithoutEntryAndWithTheFlag) {
  datapath_.fill(model_.state);
  expect_drop(Program::kFromGuest, build(from_function()), CAISSON_SEALED);
  auto entry = slot();
  datapath_.put_slot(entry);
  expect_sent(build(from_function()));
  entry.sealed = 1;
  datapath_.put_slot(entry);
  expect_drop(Program::kFromGuest, build(from_function()), CAISSON_SEALED);
  expect_drop(Program::kToGuest, build(to_target()), CAISSON_SEALED, mark());
}

TEST_F(Reasons, UnknownPort) {
  datapath_.fill(model_.state);
  auto entry = slot();
  entry.address[3] = 99;
  datapath_.put_slot(entry);
  expect_drop(Program::kFromGuest, build(from_function()), CAISSON_UNKNOWN_PORT);
}

TEST_F(Reasons, ASlotWhoseAddressIsAnotherInterfacesByNow) {
  datapath_.fill(model_.state);
  datapath_.put_slot(slot());
  expect_sent(build(from_function()));
  auto entry = slot();
  entry.eni[CAISSON_ID_SIZE - 1] ^= 1;
  datapath_.put_slot(entry);
  expect_drop(Program::kFromGuest, build(from_function()), CAISSON_UNKNOWN_PORT);
  expect_drop(Program::kToGuest, build(to_target()), CAISSON_UNKNOWN_PORT, mark());
}

TEST_F(Reasons, WhatIsNoPlainPacket) {
  datapath_.fill(model_.state, sender_.id);
  expect_sent(build(to_target()));
  expect_drop(Program::kFromGuest, build(to_target()).substr(0, 36), CAISSON_MALFORMED);
  auto parts = to_target();
  parts.ethertype = 0x88cc;
  expect_drop(Program::kFromGuest, build(parts), CAISSON_NOT_IPV4);
  parts = to_target();
  parts.options = true;
  expect_drop(Program::kFromGuest, build(parts), CAISSON_IP_OPTIONS);
  parts = to_target();
  parts.protocol = 1;
  expect_sent(build(parts));
  parts.icmp_type = 5;
  expect_drop(Program::kFromGuest, build(parts), CAISSON_ICMP_ERROR);
}

TEST_F(Reasons, SpoofOfAMember) {
  datapath_.fill(model_.state, sender_.id);
  auto parts = to_target();
  parts.source = target_.address;
  expect_drop(Program::kFromGuest, build(parts), CAISSON_SPOOF);
  parts = to_target();
  parts.source_mac = target_.mac;
  expect_drop(Program::kFromGuest, build(parts), CAISSON_SPOOF);
  EXPECT_EQ(
      datapath_.run(Program::kFromGuest, build_arp(sender_.mac, sender_.address, target_.address)).action,
      kRedirect);
  expect_drop(Program::kFromGuest, build_arp(target_.mac, sender_.address, target_.address), CAISSON_SPOOF);
  expect_drop(Program::kFromGuest, build_arp(sender_.mac, target_.address, address("10.0.1.1")),
              CAISSON_SPOOF);
}

TEST_F(Reasons, WhatAFunctionMayNotSend) {
  datapath_.fill(model_.state);
  datapath_.put_slot(slot());
  expect_sent(build(from_function()));
  auto parts = from_function();
  parts.source = function_.address;
  expect_drop(Program::kFromGuest, build(parts), CAISSON_SPOOF);
  parts = from_function();
  parts.protocol = 47;
  expect_drop(Program::kFromGuest, build(parts), CAISSON_PROTOCOL);
  parts.protocol = 1;
  parts.icmp_type = 0;
  expect_drop(Program::kFromGuest, build(parts), CAISSON_PROTOCOL);
}

TEST_F(Reasons, GroupsOfTheSender) {
  model_.run(vpc::RevokeSecurityGroup{.group = sender_group_,
                                      .egress = true,
                                      .rules = {*vpc::SecurityGroupRuleId::parse(egress_)},
                                      .permissions = {}});
  datapath_.fill(model_.state, sender_.id);
  expect_reject(Program::kFromGuest, build(to_target()), CAISSON_SG_EGRESS, "");
}

TEST_F(Reasons, ARecordSpeaksOfTheLastPacket) {
  datapath_.fill(model_.state, sender_.id);
  auto parts = to_target();
  parts.destination = address("198.51.100.10");
  expect_reject(Program::kFromGuest, build(parts), CAISSON_NO_ROUTE, egress_);
  model_.run(vpc::RevokeSecurityGroup{.group = sender_group_,
                                      .egress = true,
                                      .rules = {*vpc::SecurityGroupRuleId::parse(egress_)},
                                      .permissions = {}});
  datapath_.refill(model_.state, sender_.id);
  EXPECT_EQ(datapath_.run(Program::kFromGuest, build(parts)).action, kShot);
  const auto records = datapath_.records();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].value.packets, kTimes + 1);
  EXPECT_EQ(records[0].value.reason, CAISSON_SG_EGRESS);
  EXPECT_EQ(std::string(records[0].value.rule), "");
}

TEST_F(Reasons, GroupsOfTheReceiver) {
  datapath_.fill(model_.state, target_.id);
  auto parts = to_target();
  EXPECT_EQ(datapath_.run(Program::kToGuest, build(parts), mark()).action, kPass);
  ASSERT_EQ(datapath_.records().size(), 1U);
  EXPECT_EQ(std::string(datapath_.records()[0].value.rule), ingress_);
  parts.destination_port = 5001;
  expect_reject(Program::kToGuest, build(parts), CAISSON_SG_INGRESS, "", mark());
}

TEST_F(Reasons, WaysThatLeadNowhere) {
  datapath_.fill(model_.state, sender_.id);
  auto parts = to_target();
  parts.destination = address("198.51.100.10");
  expect_reject(Program::kFromGuest, build(parts), CAISSON_NO_ROUTE, egress_);
  parts.destination = address("10.0.1.77");
  expect_reject(Program::kFromGuest, build(parts), CAISSON_NO_DESTINATION, egress_);
  parts.destination = function_.address;
  expect_reject(Program::kFromGuest, build(parts), CAISSON_NO_FLOW, egress_);
}

TEST_F(Reasons, ForbiddenExit) {
  const auto managed = model_.make_function({}, {});
  datapath_.fill(model_.state);
  datapath_.put_slot(slot_of(model_.state, managed, kBlock, 7));
  auto parts = from_function();
  parts.destination = address("198.51.100.10");
  expect_sent(build(parts));
  datapath_.forget();
  parts.destination = address("10.1.2.3");
  datapath_.forget();
  for (int i = 0; i < kTimes; ++i) {
    EXPECT_EQ(datapath_.run(Program::kFromGuest, build(parts)).action, kShot);
  }
  ASSERT_EQ(datapath_.records().size(), 1U);
  EXPECT_EQ(datapath_.records()[0].value.reason, CAISSON_FORBIDDEN_EXIT);
  EXPECT_EQ(datapath_.records()[0].value.packets, kTimes);
}

TEST_F(Reasons, Unmarked) {
  datapath_.fill(model_.state, target_.id);
  EXPECT_EQ(datapath_.run(Program::kToGuest, build(to_target()), mark()).action, kPass);
  expect_drop(Program::kToGuest, build(to_target()), CAISSON_UNMARKED);
  expect_drop(Program::kToGuest, build(to_target()), CAISSON_UNMARKED, mark() + 1);
}

TEST_F(Reasons, NetworkInterfaceWithItsFullNumberOfFlows) {
  datapath_.fill(model_.state, sender_.id);
  const std::string number = bytes_of(sender_.number);
  datapath_.put("eni_flows", number, bytes_of(std::uint64_t{CAISSON_FLOWS_PER_ENI - 1}));
  auto parts = to_target();
  expect_sent(build(parts));
  parts.source_port++;
  const std::string next = build(parts);
  for (int i = 0; i < kTimes; ++i) {
    EXPECT_EQ(datapath_.run(Program::kFromGuest, next).action, kShot);
  }
  std::uint64_t full = 0;
  for (const auto& record : datapath_.records()) {
    if (record.value.reason == CAISSON_CT_FULL) full += record.value.packets;
  }
  EXPECT_EQ(full, kTimes);
  // The flow that is there goes on, and a flow that netd removed makes room.
  expect_sent(build(to_target()));
  datapath_.put("eni_freed", number, bytes_of(std::uint64_t{1}));
  expect_sent(next);
}

TEST_F(Reasons, PortsOfABlockExhausted) {
  datapath_.fill(model_.state);
  datapath_.put_slot(slot());
  // Ports that the guest chose itself share the block's last 64.
  auto parts = from_function();
  for (std::uint16_t i = 0; i < CAISSON_DYNAMIC_PORTS; ++i) {
    parts.source_port = static_cast<std::uint16_t>(1000 + i);
    expect_sent(build(parts));
  }
  parts.source_port = 2000;
  expect_drop(Program::kFromGuest, build(parts), CAISSON_PORT_EXHAUSTED);
  // To another peer there are ports, and to this one when a flow has ended.
  auto elsewhere = parts;
  elsewhere.destination = sender_.address;
  expect_sent(build(elsewhere));
  for (const auto& [key, value] : datapath_.dump("conntrack")) {
    auto entry = value_of<caisson_conntrack>(value);
    if (entry.inner_port % CAISSON_DYNAMIC_PORTS != 2000 % CAISSON_DYNAMIC_PORTS) continue;
    entry.last_seen -= CAISSON_IDLE_DATAGRAM + CAISSON_NS;
    datapath_.put("conntrack", key, bytes_of(entry));
  }
  expect_sent(build(parts));
}

TEST_F(Reasons, FromUplink) {
  PacketParts parts{.source = address("198.51.100.10"), .destination = address("100.64.0.2")};
  EXPECT_EQ(datapath_.run(Program::kFromUplink, build(parts)).action, kPass);
  parts.source = address("240.0.0.5");
  expect_drop(Program::kFromUplink, build(parts), CAISSON_SPOOF);
  parts.source = address("198.51.100.10");
  parts.destination = address("240.0.0.5");
  expect_drop(Program::kFromUplink, build(parts), CAISSON_SPOOF);
}

}  // namespace
}  // namespace caisson::test
