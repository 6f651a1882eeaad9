// Rewriting: out under the network interface's address and the slot's block of ports, back to the guest's, with right
// checksums; and never into another slot or epoch.
#include <gtest/gtest.h>

#include "tests/support/datapath.hh"
#include "tests/support/model.hh"
#include "tests/support/packet.hh"

namespace caisson::test {
namespace {

constexpr int kPass = 0;
constexpr int kShot = 2;
constexpr int kRedirect = 7;
constexpr std::uint16_t kBlock = 5;
constexpr MacAddress kGuestMac{.bytes = CAISSON_GUEST_MAC};

class Identity : public testing::TestWithParam<int> {
 protected:
  Identity() {
    const auto vpc = model_.make_vpc("10.0.0.0/16");
    const auto subnet = model_.make_subnet(vpc, "10.0.1.0/24");
    const auto group = model_.make_group(vpc, "all");
    model_.allow(group, permission(true, vpc::kAllProtocols, -1, -1, cidr("0.0.0.0/0")));
    target_ = model_.make_member(subnet, "10.0.1.11", {group});
    function_ = model_.make_function({subnet}, {group});
    managed_ = model_.make_function({}, {});
    datapath_.fill(model_.state);
    use(function_, 7);
  }

  void use(const vpc::NetworkInterface& interface, std::uint32_t epoch) {
    const caisson_slot slot = slot_of(model_.state, interface, kBlock, epoch);
    datapath_.put_slot(slot);
    mark_ = CAISSON_MARK | slot.vpc;
  }

  PacketParts sent(std::uint16_t port, Ipv4Address destination) const {
    return {.source_mac = kGuestMac,
            .source = address("169.254.100.2"),
            .destination = destination,
            .protocol = GetParam(),
            .source_port = port};
  }

  PacketParts answer(const PacketView& seen) const {
    PacketParts parts{.source_mac = target_.mac,
                      .source = seen.destination,
                      .destination = seen.source,
                      .protocol = GetParam(),
                      .source_port = seen.destination_port,
                      .destination_port = seen.source_port,
                      .icmp_type = 0};
    if (GetParam() == 1) parts.source_port = seen.source_port;
    parts.tcp_flags = 0x10;
    return parts;
  }

  Model model_;
  TestDatapath datapath_{"identity"};
  vpc::NetworkInterface target_, function_, managed_;
  std::uint32_t mark_ = 0;
};

TEST_P(Identity, OutAndBack) {
  for (const std::uint16_t port : {32768, 33000, 33727, 5353}) {
    const auto out = datapath_.run(Program::kFromGuest, build(sent(port, target_.address)));
    ASSERT_EQ(out.action, kRedirect);
    const auto seen = view(out.packet);
    EXPECT_EQ(seen.source, function_.address);
    EXPECT_EQ(seen.source_port / CAISSON_BLOCK_PORTS, kBlock);
    if (GetParam() != 1 && port >= 32768) {
      EXPECT_EQ(seen.source_port, kBlock * CAISSON_BLOCK_PORTS + port - 32768);
    }
    EXPECT_EQ(seen.destination_mac, target_.mac);
    EXPECT_TRUE(seen.checksums_right);

    const auto back = datapath_.run(Program::kToGuest, build(answer(seen)), mark_);
    ASSERT_EQ(back.action, kPass);
    const auto got = view(back.packet);
    EXPECT_EQ(got.destination, address("169.254.100.2"));
    EXPECT_EQ(GetParam() == 1 ? got.source_port : got.destination_port, port);
    EXPECT_EQ(got.destination_mac, kGuestMac);
    EXPECT_TRUE(got.checksums_right);
  }
}

TEST_P(Identity, NothingUnsolicitedComesIn) {
  const auto out = datapath_.run(Program::kFromGuest, build(sent(33000, target_.address)));
  auto parts = answer(view(out.packet));
  ASSERT_EQ(datapath_.run(Program::kToGuest, build(parts), mark_).action, kPass);
  (GetParam() == 1 ? parts.source_port : parts.destination_port)++;
  EXPECT_EQ(datapath_.run(Program::kToGuest, build(parts), mark_).action, kShot);
}

TEST_P(Identity, AFormerOwnersFlowIsNotTakenOver) {
  const auto first = datapath_.run(Program::kFromGuest, build(sent(33000, target_.address)));
  const auto late = build(answer(view(first.packet)));
  ASSERT_EQ(datapath_.run(Program::kToGuest, late, mark_).action, kPass);
  use(function_, 8);
  EXPECT_EQ(datapath_.run(Program::kToGuest, late, mark_).action, kShot);
  // The new owner's same 5-tuple goes out from another port, and its answers come; the late packet still does not.
  const auto second = datapath_.run(Program::kFromGuest, build(sent(33000, target_.address)));
  ASSERT_EQ(second.action, kRedirect);
  EXPECT_NE(view(second.packet).source_port, view(first.packet).source_port);
  EXPECT_EQ(datapath_.run(Program::kToGuest, build(answer(view(second.packet))), mark_).action, kPass);
  EXPECT_EQ(datapath_.run(Program::kToGuest, late, mark_).action, kShot);
}

TEST_P(Identity, ThroughTheStackUnderTheIdentityAddress) {
  use(managed_, 9);
  const auto out = datapath_.run(Program::kFromGuest, build(sent(33000, address("198.51.100.10"))));
  ASSERT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.mark, 0U);
  const auto seen = view(out.packet);
  EXPECT_EQ(seen.source.value, CAISSON_IDENTITY_PREFIX | managed_.number);
  EXPECT_TRUE(seen.checksums_right);
  const auto mapped = datapath_.run(Program::kFromStack, build(answer(seen)));
  ASSERT_EQ(mapped.action, kRedirect);
  EXPECT_EQ(mapped.mark, mark_);
  EXPECT_EQ(view(mapped.packet).destination, managed_.address);
  EXPECT_TRUE(view(mapped.packet).checksums_right);
  const auto back = datapath_.run(Program::kToGuest, mapped.packet, mapped.mark);
  ASSERT_EQ(back.action, kPass);
  EXPECT_EQ(view(back.packet).destination, address("169.254.100.2"));
  EXPECT_TRUE(view(back.packet).checksums_right);
}

TEST_P(Identity, APortThatBecomesFreeMovesNoFlow) {
  // Both want the same of the block's last ports.
  const auto first = datapath_.run(Program::kFromGuest, build(sent(1000, target_.address)));
  ASSERT_EQ(first.action, kRedirect);
  const auto second = datapath_.run(Program::kFromGuest, build(sent(1064, target_.address)));
  ASSERT_EQ(second.action, kRedirect);
  ASSERT_NE(view(first.packet).source_port, view(second.packet).source_port);
  for (const auto& [key, value] : datapath_.dump("conntrack")) {
    auto entry = value_of<caisson_conntrack>(value);
    if (entry.inner_port != 1000) continue;
    entry.last_seen -= CAISSON_IDLE_STREAM + CAISSON_NS;
    datapath_.put("conntrack", key, bytes_of(entry));
  }
  const auto third = datapath_.run(Program::kFromGuest, build(sent(1064, target_.address)));
  ASSERT_EQ(third.action, kRedirect);
  EXPECT_EQ(view(third.packet).source_port, view(second.packet).source_port);
}

TEST_P(Identity, APortIsKeptForAsLongAsItsFlow) {
  const auto ours = datapath_.run(Program::kFromGuest, build(sent(5353, target_.address)));
  ASSERT_EQ(ours.action, kRedirect);
  ASSERT_EQ(datapath_.run(Program::kToGuest, build(answer(view(ours.packet))), mark_).action, kPass);
  for (const auto& [key, value] : datapath_.dump("conntrack")) {
    auto entry = value_of<caisson_conntrack>(value);
    entry.last_seen -= caisson_idle_time(&entry, static_cast<std::uint8_t>(GetParam())) - 5 * CAISSON_NS;
    datapath_.put("conntrack", key, bytes_of(entry));
  }
  // Another port of the guest that would have the same.
  const auto other =
      datapath_.run(Program::kFromGuest, build(sent(5353 + CAISSON_DYNAMIC_PORTS, target_.address)));
  ASSERT_EQ(other.action, kRedirect);
  EXPECT_NE(view(other.packet).source_port, view(ours.packet).source_port);
  const auto back = datapath_.run(Program::kToGuest, build(answer(view(ours.packet))), mark_);
  ASSERT_EQ(back.action, kPass);
  EXPECT_EQ(GetParam() == 1 ? view(back.packet).source_port : view(back.packet).destination_port, 5353);
}

TEST_P(Identity, ZeroIsAPortLikeOthers) {
  const auto out = datapath_.run(Program::kFromGuest, build(sent(0, target_.address)));
  ASSERT_EQ(out.action, kRedirect);
  const auto back = datapath_.run(Program::kToGuest, build(answer(view(out.packet))), mark_);
  ASSERT_EQ(back.action, kPass);
  EXPECT_EQ(GetParam() == 1 ? view(back.packet).source_port : view(back.packet).destination_port, 0);
}

TEST_P(Identity, AUdpChecksumOfZeroStaysZero) {
  auto parts = sent(33000, target_.address);
  parts.protocol = 17;
  parts.udp_checksum = false;
  const auto out = datapath_.run(Program::kFromGuest, build(parts));
  ASSERT_EQ(out.action, kRedirect);
  EXPECT_FALSE(view(out.packet).udp_checksum);
  auto back = answer(view(out.packet));
  back.protocol = 17;
  back.destination_port = view(out.packet).source_port;
  back.source_port = parts.destination_port;
  back.udp_checksum = false;
  const auto got = datapath_.run(Program::kToGuest, build(back), mark_);
  ASSERT_EQ(got.action, kPass);
  EXPECT_FALSE(view(got.packet).udp_checksum);
}

INSTANTIATE_TEST_SUITE_P(Protocols, Identity, testing::Values(1, 6, 17));

}  // namespace
}  // namespace caisson::test
