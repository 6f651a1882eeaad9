// ARP is answered by from_guest: every address but the sender's own is at the gateway's MAC.
#include "tests/bpf/fixture.hh"

namespace caisson::test {
namespace {

class Arp : public DatapathTest {
 protected:
  /// The answer's bytes, built here field by field (RFC 826).
  static std::string answer(const MacAddress& asker_mac, Ipv4Address asker, Ipv4Address asked) {
    std::string bytes = build_arp(kGatewayMac, asked, asker);
    const std::string to(asker_mac.bytes.begin(), asker_mac.bytes.end());
    bytes.replace(0, 6, to);
    bytes.at(21) = 2;  // a reply
    bytes.replace(32, 6, to);
    return bytes;
  }

  void expect_answered(const MacAddress& mac, Ipv4Address asker, Ipv4Address asked) {
    const auto ran = datapath_.run(Program::kFromGuest, build_arp(mac, asker, asked));
    EXPECT_EQ(ran.action, kRedirect);
    EXPECT_EQ(ran.mark, mark());
    EXPECT_EQ(ran.packet, answer(mac, asker, asked));
    // to_guest lets our own answer out, and nobody else's.
    EXPECT_EQ(datapath_.run(Program::kToGuest, ran.packet, ran.mark).action, kPass);
    expect_drop(Program::kToGuest, ran.packet, CAISSON_UNMARKED);
  }

  void expect_silence(const std::string& packet) {
    datapath_.forget();
    EXPECT_EQ(datapath_.run(Program::kFromGuest, packet).action, kShot);
    EXPECT_TRUE(datapath_.all_drops().empty());
  }
};

TEST_F(Arp, AMemberIsAnsweredForEveryAddressButItsOwn) {
  datapath_.fill(model_.state, sender_.id);
  expect_answered(sender_.mac, sender_.address, target_.address);
  expect_answered(sender_.mac, sender_.address, address("10.0.1.1"));
  expect_answered(sender_.mac, sender_.address, address("10.0.1.200"));
  expect_answered(sender_.mac, address("0.0.0.0"), target_.address);
  expect_silence(build_arp(sender_.mac, address("0.0.0.0"), sender_.address));  // a probe, RFC 5227
  expect_silence(build_arp(sender_.mac, sender_.address, sender_.address));     // an announcement
  std::string reply = build_arp(sender_.mac, sender_.address, target_.address);
  reply.at(21) = 2;
  expect_silence(reply);
}

TEST_F(Arp, AGuestIsAnsweredForItsGateway) {
  datapath_.fill(model_.state);
  datapath_.put_slot(slot());
  expect_answered(kGuestMac, address("169.254.100.2"), address("169.254.100.1"));
  expect_silence(build_arp(kGuestMac, address("0.0.0.0"), address("169.254.100.2")));
  expect_drop(Program::kFromGuest, build_arp(kGuestMac, function_.address, address("169.254.100.1")),
              CAISSON_SPOOF);
}

TEST_F(Arp, WhatIsNoRequestForAnIpv4AddressIsMalformed) {
  datapath_.fill(model_.state, sender_.id);
  const std::string good = build_arp(sender_.mac, sender_.address, target_.address);
  std::string other_hardware = good;
  other_hardware.at(15) = 6;
  expect_drop(Program::kFromGuest, other_hardware, CAISSON_MALFORMED);
  std::string other_protocol = good;
  other_protocol.at(16) = '\x86';
  expect_drop(Program::kFromGuest, other_protocol, CAISSON_MALFORMED);
  expect_drop(Program::kFromGuest, good.substr(0, 41), CAISSON_MALFORMED);
}

}  // namespace
}  // namespace caisson::test
