// A VPC with two members and a function interface, and what the tests of the shipped programs ask of them.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/datapath.hh"
#include "tests/support/model.hh"
#include "tests/support/packet.hh"

namespace caisson::test {

constexpr int kPass = 0;
constexpr int kShot = 2;
constexpr int kRedirect = 7;
constexpr int kTimes = 3;
constexpr std::uint16_t kBlock = 5;
constexpr MacAddress kGuestMac{.bytes = CAISSON_GUEST_MAC};
constexpr MacAddress kGatewayMac{.bytes = CAISSON_GATEWAY_MAC};

/// 10.0.1.10 may send anything and is sent UDP to port 5000 by 10.0.1.11; the same groups hold a function interface.
class DatapathTest : public testing::Test {
 protected:
  DatapathTest() {
    vpc_ = model_.make_vpc("10.0.0.0/16");
    subnet_ = model_.make_subnet(vpc_, "10.0.1.0/24");
    sender_group_ = model_.make_group(vpc_, "sender");
    target_group_ = model_.make_group(vpc_, "target");
    egress_ = model_.allow(sender_group_, permission(true, vpc::kAllProtocols, -1, -1, cidr("0.0.0.0/0")));
    ingress_ = model_.allow(target_group_, permission(false, vpc::kUdp, 5000, 5000, sender_group_));
    sender_ = model_.make_member(subnet_, "10.0.1.10", {sender_group_});
    target_ = model_.make_member(subnet_, "10.0.1.11", {target_group_});
    function_ = model_.make_function({subnet_}, {sender_group_});
    number_ = model_.state.vpcs.at(vpc_)->number;
  }

  PacketParts to_target() const {
    return {.source_mac = sender_.mac, .source = sender_.address, .destination = target_.address};
  }

  PacketParts from_function() const {
    return {.source_mac = kGuestMac,
            .source = address("169.254.100.2"),
            .destination = target_.address,
            .source_port = 32768};
  }

  caisson_slot slot(std::uint32_t epoch = 7) const { return slot_of(model_.state, function_, kBlock, epoch); }

  std::uint32_t mark() const { return CAISSON_MARK | number_; }

  /// Sends the packet kTimes: each is dropped, `drops` counts them for this reason, and nothing else is written.
  void expect_drop(Program program, const std::string& packet, caisson_reason reason,
                   std::uint32_t mark = 0) {
    datapath_.forget_records();
    for (int i = 0; i < kTimes; ++i) {
      EXPECT_EQ(datapath_.run(program, packet, mark).action, kShot);
    }
    const std::map<std::uint32_t, std::uint64_t> wanted{{reason, kTimes}};
    EXPECT_EQ(datapath_.all_drops(), wanted);
    EXPECT_TRUE(datapath_.records().empty());
  }

  /// The same for verdicts of flows: one record of kTimes packets with this reason and rule.
  void expect_reject(Program program, const std::string& packet, caisson_reason reason,
                     const std::string& rule, std::uint32_t mark = 0) {
    datapath_.forget();
    for (int i = 0; i < kTimes; ++i) {
      EXPECT_EQ(datapath_.run(program, packet, mark).action, kShot);
    }
    EXPECT_TRUE(datapath_.all_drops().empty());
    const auto records = datapath_.records();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].value.reason, reason);
    EXPECT_EQ(records[0].key.action, CAISSON_REJECT);
    EXPECT_EQ(records[0].value.packets, kTimes);
    EXPECT_EQ(records[0].value.bytes, kTimes * packet.size());
    EXPECT_EQ(std::string(records[0].value.rule), rule);
  }

  void expect_sent(const std::string& packet) {
    EXPECT_EQ(datapath_.run(Program::kFromGuest, packet).action, kRedirect);
  }

  /// The one record that there is: an accepted packet and the rule that admitted it.
  void expect_accepted(const std::string& rule) {
    const auto records = datapath_.records();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].value.reason, CAISSON_ACCEPTED);
    EXPECT_EQ(records[0].key.action, CAISSON_ACCEPT);
    EXPECT_EQ(std::string(records[0].value.rule), rule);
    EXPECT_TRUE(datapath_.all_drops().empty());
  }

  Model model_;
  TestDatapath datapath_{"bpf"};
  vpc::VpcId vpc_;
  vpc::SubnetId subnet_;
  vpc::SecurityGroupId sender_group_, target_group_;
  std::string egress_, ingress_;
  vpc::NetworkInterface sender_, target_, function_;
  std::uint32_t number_ = 0;
};

}  // namespace caisson::test
