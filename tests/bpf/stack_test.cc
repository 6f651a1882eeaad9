// The edges: what comes from the stack under identity addresses, from the uplink, and to a port.
#include "tests/bpf/fixture.hh"

namespace caisson::test {
namespace {

class Stack : public DatapathTest {
 protected:
  PacketParts to_identity(const vpc::NetworkInterface& interface) const {
    return {.source = address("198.51.100.10"),
            .destination = {CAISSON_IDENTITY_PREFIX | interface.number},
            .source_port = 443,
            .destination_port = kBlock * CAISSON_BLOCK_PORTS + 7};
  }
};

TEST_F(Stack, AnswersReachTheSlotThatOwnsTheBlock) {
  datapath_.fill(model_.state);
  datapath_.put_slot(slot());
  for (const int protocol : {1, 6, 17}) {
    auto parts = to_identity(function_);
    parts.protocol = protocol;
    if (protocol == 1) {
      parts.icmp_type = 0;
      parts.source_port = parts.destination_port;
    }
    const auto ran = datapath_.run(Program::kFromStack, build(parts));
    ASSERT_EQ(ran.action, kRedirect);
    EXPECT_EQ(ran.mark, mark());
    const auto seen = view(ran.packet);
    EXPECT_EQ(seen.destination, function_.address);
    EXPECT_EQ(seen.destination_mac, kGuestMac);
    EXPECT_EQ(seen.source_mac, kGatewayMac);
    EXPECT_TRUE(seen.checksums_right);
  }
  auto elsewhere = to_identity(function_);
  elsewhere.destination_port = (kBlock + 1) * CAISSON_BLOCK_PORTS;
  expect_drop(Program::kFromStack, build(elsewhere), CAISSON_NO_FLOW);
}

TEST_F(Stack, AnswersReachAMember) {
  datapath_.fill(model_.state);
  const auto ran = datapath_.run(Program::kFromStack, build(to_identity(target_)));
  ASSERT_EQ(ran.action, kRedirect);
  EXPECT_EQ(ran.mark, mark());
  EXPECT_EQ(view(ran.packet).destination, target_.address);
  EXPECT_EQ(view(ran.packet).destination_mac, target_.mac);
  EXPECT_TRUE(view(ran.packet).checksums_right);
}

TEST_F(Stack, WhatHasNoIdentityIsDropped) {
  datapath_.fill(model_.state);
  auto parts = to_identity(target_);
  parts.destination = target_.address;
  expect_drop(Program::kFromStack, build(parts), CAISSON_NO_DESTINATION);
  parts.destination = {CAISSON_IDENTITY_PREFIX | 0x0abcdef};
  expect_drop(Program::kFromStack, build(parts), CAISSON_NO_DESTINATION);
  parts = to_identity(target_);
  parts.options = true;
  expect_drop(Program::kFromStack, build(parts), CAISSON_IP_OPTIONS);
  parts = to_identity(target_);
  parts.fragment = 0x0001;
  expect_drop(Program::kFromStack, build(parts), CAISSON_FRAGMENT);
  parts = to_identity(target_);
  parts.ethertype = 0x86dd;
  parts.payload = std::string(64, 'x');  // an IPv6 header is longer
  expect_drop(Program::kFromStack, build(parts), CAISSON_NOT_IPV4);
}

TEST_F(Stack, TheUplinkLetsInWhatClaimsNoIdentity) {
  const PacketParts good{.source = address("198.51.100.10"), .destination = address("100.64.0.2")};
  const auto ran = datapath_.run(Program::kFromUplink, build(good), mark());
  EXPECT_EQ(ran.action, kPass);
  EXPECT_EQ(ran.mark, 0U);
  EXPECT_EQ(
      datapath_.run(Program::kFromUplink, build_arp(target_.mac, target_.address, sender_.address)).action,
      kPass);
  for (const bool source : {true, false}) {
    auto parts = good;
    (source ? parts.source : parts.destination) = address("240.0.0.5");
    expect_drop(Program::kFromUplink, build(parts), CAISSON_SPOOF);
    // However the rest looks, and whatever else might be said of it.
    parts.fragment = 0x2000;
    expect_drop(Program::kFromUplink, build(parts), CAISSON_SPOOF);
    parts.fragment = 0;
    parts.options = true;
    expect_drop(Program::kFromUplink, build(parts), CAISSON_SPOOF);
    parts.options = false;
    parts.protocol = 1;
    parts.icmp_type = 3;
    expect_drop(Program::kFromUplink, build(parts), CAISSON_SPOOF);
  }
  auto parts = good;
  parts.ethertype = 0x86dd;
  parts.payload = std::string(64, 'x');  // an IPv6 header is longer
  expect_drop(Program::kFromUplink, build(parts), CAISSON_NOT_IPV4);
  expect_drop(Program::kFromUplink, build(good).substr(0, 36), CAISSON_MALFORMED);
}

TEST_F(Stack, APortGetsOnlyWholePacketsForItsAddress) {
  datapath_.fill(model_.state, target_.id);
  const auto at_port = [&](const PacketParts& parts, caisson_reason reason) {
    expect_drop(Program::kToGuest, build(parts), reason, mark());
  };
  ASSERT_EQ(datapath_.run(Program::kToGuest, build(to_target()), mark()).action, kPass);
  auto parts = to_target();
  parts.destination = sender_.address;
  at_port(parts, CAISSON_NO_DESTINATION);
  parts = to_target();
  parts.options = true;
  at_port(parts, CAISSON_IP_OPTIONS);
  parts = to_target();
  parts.fragment = 0x0001;
  at_port(parts, CAISSON_FRAGMENT);
  parts = to_target();
  parts.ethertype = 0x86dd;
  parts.payload = std::string(64, 'x');  // an IPv6 header is longer
  at_port(parts, CAISSON_NOT_IPV4);
  parts = to_target();
  parts.protocol = 1;
  parts.icmp_type = 5;
  at_port(parts, CAISSON_ICMP_ERROR);
  expect_drop(Program::kToGuest, build(to_target()).substr(0, 36), CAISSON_MALFORMED, mark());
}

TEST_F(Stack, APortWithoutEntryOrInterfaceGetsNothing) {
  datapath_.fill(model_.state);
  expect_drop(Program::kToGuest, build(to_target()), CAISSON_SEALED, mark());
  auto entry = slot();
  entry.address[3] = 99;
  datapath_.put_slot(entry);
  expect_drop(Program::kToGuest, build(to_target()), CAISSON_UNKNOWN_PORT, mark());
}

}  // namespace
}  // namespace caisson::test
