// Which flows have an entry in conntrack, and what becomes of those that have none.
#include "tests/bpf/fixture.hh"

namespace caisson::test {
namespace {

constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;
constexpr std::uint8_t kFinAck = 0x11;

/// 10.0.1.20 serves TCP and UDP at port 80, for everybody, and may answer everybody; 10.0.1.10 is its client.
class Tracking : public DatapathTest, public testing::WithParamInterface<int> {
 protected:
  Tracking() {
    group_ = model_.make_group(vpc_, "server");
    for (const int protocol : {vpc::kTcp, vpc::kUdp}) {
      in_[protocol] = model_.allow(group_, permission(false, protocol, 80, 80, cidr("0.0.0.0/0")));
    }
    out_ = model_.allow(group_, permission(true, vpc::kAllProtocols, -1, -1, cidr("0.0.0.0/0")));
    server_ = model_.make_member(subnet_, "10.0.1.20", {group_});
  }

  void revoke(const std::string& rule, bool egress) {
    model_.run(vpc::RevokeSecurityGroup{.group = group_,
                                        .egress = egress,
                                        .rules = {*vpc::SecurityGroupRuleId::parse(rule)},
                                        .permissions = {}});
    datapath_.refill(model_.state, server_.id);
  }

  PacketParts question(std::uint8_t flags = kSyn) const {
    return {.source_mac = sender_.mac,
            .source = sender_.address,
            .destination = server_.address,
            .protocol = GetParam(),
            .destination_port = 80,
            .tcp_flags = flags};
  }

  PacketParts answer(std::uint8_t flags = kAck) const {
    return {.source_mac = server_.mac,
            .source = server_.address,
            .destination = sender_.address,
            .protocol = GetParam(),
            .source_port = 80,
            .destination_port = 40000,
            .tcp_flags = flags};
  }

  Ran send(const PacketParts& parts) { return datapath_.run(Program::kFromGuest, build(parts)); }
  Ran deliver(const PacketParts& parts) { return datapath_.run(Program::kToGuest, build(parts), mark()); }
  std::size_t entries() const { return datapath_.dump("conntrack").size(); }

  /// Of a flow that goes on so far.
  void expect_refused(Program program, const PacketParts& parts, caisson_reason reason) {
    datapath_.forget_records();
    EXPECT_EQ(datapath_.run(program, build(parts), program == Program::kToGuest ? mark() : 0).action, kShot);
    const auto records = datapath_.records();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].value.reason, reason);
    EXPECT_EQ(std::string(records[0].value.rule), "");
  }

  /// An error about the answer, from the client.
  std::string error() const {
    return build_error({.source = sender_.address, .destination = server_.address}, build(answer()));
  }

  vpc::SecurityGroupId group_;
  std::map<int, std::string> in_;
  std::string out_;
  vpc::NetworkInterface server_;
};

TEST_P(Tracking, AnOpenFlowIsJudgedByTheRulesAtEachPacket) {
  datapath_.fill(model_.state, server_.id);
  EXPECT_EQ(deliver(question()).action, kPass);
  EXPECT_EQ(deliver(question(kAck)).action, kPass);
  expect_accepted(in_.at(GetParam()));
  EXPECT_EQ(datapath_.records()[0].value.packets, 2U);
  datapath_.forget_records();
  EXPECT_EQ(send(answer()).action, kRedirect);
  expect_accepted(out_);  // the answer's own rule
  EXPECT_EQ(entries(), 0U);
  EXPECT_EQ(value_of<std::uint64_t>(datapath_.get("eni_flows", bytes_of(server_.number))), 0U);
}

TEST_P(Tracking, AnOpenFlowEndsWithItsRule) {
  datapath_.fill(model_.state, server_.id);
  ASSERT_EQ(deliver(question()).action, kPass);
  ASSERT_EQ(send(answer()).action, kRedirect);
  ASSERT_EQ(deliver(question(kAck)).action, kPass);
  revoke(in_.at(GetParam()), false);
  expect_refused(Program::kToGuest, question(kAck), CAISSON_SG_INGRESS);
}

TEST_P(Tracking, AnOpenFlowEndsWithTheRuleOfItsAnswers) {
  datapath_.fill(model_.state, server_.id);
  ASSERT_EQ(deliver(question()).action, kPass);
  ASSERT_EQ(send(answer()).action, kRedirect);
  revoke(out_, true);
  expect_refused(Program::kFromGuest, answer(), CAISSON_SG_EGRESS);
  // What begins now is tracked, and needs none.
  ASSERT_EQ(deliver(question()).action, kPass);
  EXPECT_EQ(send(answer()).action, kRedirect);
}

TEST_P(Tracking, ANarrowRuleOrNarrowAnswersAreTracked) {
  revoke(in_.at(GetParam()), false);
  const auto narrow = model_.allow(group_, permission(false, GetParam(), 80, 80, cidr("10.0.0.0/8")));
  datapath_.fill(model_.state, server_.id);
  ASSERT_EQ(deliver(question()).action, kPass);
  EXPECT_EQ(entries(), 1U);
  revoke(narrow, false);
  revoke(out_, true);
  EXPECT_EQ(deliver(question(kAck)).action, kPass);
  EXPECT_EQ(send(answer()).action, kRedirect);
  // The way in is open, but the answers have all ports but one.
  model_.allow(group_, permission(false, GetParam(), 80, 80, cidr("0.0.0.0/0")));
  model_.allow(group_, permission(true, GetParam(), 0, 65534, cidr("0.0.0.0/0")));
  datapath_.fill(model_.state, server_.id);
  ASSERT_EQ(deliver(question()).action, kPass);
  EXPECT_EQ(entries(), 1U);
}

TEST_P(Tracking, ATrackedFlowStaysSoWhenItsRulesAreOpened) {
  revoke(out_, true);
  datapath_.fill(model_.state, server_.id);
  ASSERT_EQ(deliver(question()).action, kPass);
  ASSERT_EQ(send(answer()).action, kRedirect);
  out_ = model_.allow(group_, permission(true, vpc::kAllProtocols, -1, -1, cidr("0.0.0.0/0")));
  datapath_.refill(model_.state, server_.id);
  ASSERT_EQ(send(answer()).action, kRedirect);
  revoke(in_.at(GetParam()), false);
  EXPECT_EQ(deliver(question(kAck)).action, kPass);
}

TEST_P(Tracking, FlowsWithFunctionsAndThoseThatLeaveAreTracked) {
  const auto everything = permission(false, vpc::kAllProtocols, -1, -1, cidr("0.0.0.0/0"));
  const auto all = model_.allow(group_, everything);
  datapath_.fill(model_.state, server_.id);
  auto parts = question();
  parts.source = function_.address;
  ASSERT_EQ(deliver(parts).action, kPass);
  EXPECT_EQ(entries(), 1U);
  parts.source = address("203.0.113.10");  // as from a service
  ASSERT_EQ(deliver(parts).action, kPass);
  EXPECT_EQ(entries(), 2U);
  // A function's own flow is, whatever its groups say.
  model_.allow(sender_group_, everything);
  datapath_.fill(model_.state);
  datapath_.put_slot(slot());
  auto sent = from_function();
  sent.protocol = GetParam();
  ASSERT_EQ(send(sent).action, kRedirect);
  EXPECT_EQ(entries(), 1U);
}

TEST_P(Tracking, AnErrorAboutAnUntrackedFlowNeedsARule) {
  datapath_.fill(model_.state, server_.id);
  ASSERT_EQ(deliver(question()).action, kPass);
  ASSERT_EQ(send(answer()).action, kRedirect);
  expect_drop(Program::kToGuest, error(), CAISSON_ICMP_ERROR, mark());
  const auto rule = model_.allow(group_, permission(false, vpc::kIcmp, 3, 4, cidr("10.0.0.0/8")));
  datapath_.fill(model_.state, server_.id);
  ASSERT_EQ(datapath_.run(Program::kToGuest, error(), mark()).action, kPass);
  expect_accepted(rule);
  EXPECT_EQ(entries(), 0U);
  // Of this type and code, and about what the receiver sent.
  const ErrorParts other{.source = sender_.address, .destination = server_.address, .code = 3};
  expect_drop(Program::kToGuest, build_error(other, build(answer())), CAISSON_ICMP_ERROR, mark());
  const ErrorParts foreign{.source = sender_.address, .destination = server_.address};
  expect_drop(Program::kToGuest, build_error(foreign, build(to_target())), CAISSON_ICMP_ERROR, mark());
}

TEST_P(Tracking, AnErrorOfItsServerNeedsARule) {
  const auto about = [&](const PacketParts& packet) {
    return build_error(
        {.source_mac = server_.mac, .source = server_.address, .destination = sender_.address, .code = 3},
        build(packet));
  };
  datapath_.fill(model_.state, server_.id);
  ASSERT_EQ(deliver(question()).action, kPass);
  datapath_.forget_records();
  ASSERT_EQ(datapath_.run(Program::kFromGuest, about(question())).action, kRedirect);
  expect_accepted(out_);
  auto foreign = question();
  foreign.destination = address("10.0.1.99");
  expect_drop(Program::kFromGuest, about(foreign), CAISSON_ICMP_ERROR);
  revoke(out_, true);
  model_.allow(group_, permission(true, GetParam(), 0, 65535, cidr("0.0.0.0/0")));
  datapath_.fill(model_.state, server_.id);
  ASSERT_EQ(deliver(question()).action, kPass);
  EXPECT_EQ(entries(), 0U);
  expect_drop(Program::kFromGuest, about(question()), CAISSON_ICMP_ERROR);
}

TEST_P(Tracking, FragmentsOfAnUntrackedFlowFollowTheirFirst) {
  datapath_.fill(model_.state, server_.id);
  auto parts = question(kAck);
  parts.payload = std::string(100, 'x');
  const auto in = fragments_of(build(parts), 40);
  auto back = answer();
  back.payload = parts.payload;
  const auto out = fragments_of(build(back), 40);
  for (std::size_t i = 0; i < in.size(); ++i) {
    EXPECT_EQ(datapath_.run(Program::kToGuest, in[i], mark()).action, kPass) << i;
    EXPECT_EQ(datapath_.run(Program::kFromGuest, out[i]).action, kRedirect) << i;
  }
  EXPECT_EQ(entries(), 0U);
  // The rule goes between the first and the later ones.
  ASSERT_EQ(datapath_.run(Program::kToGuest, in[0], mark()).action, kPass);
  revoke(in_.at(GetParam()), false);
  expect_drop(Program::kToGuest, in[1], CAISSON_FRAGMENT, mark());
}

INSTANTIATE_TEST_SUITE_P(Protocols, Tracking, testing::Values(vpc::kTcp, vpc::kUdp));

class TrackingOfTcp : public Tracking {};

// The server goes on sending, which its rules for egress allow; that must not open the way back.
TEST_P(TrackingOfTcp, TheRestOfAnUntrackedConnectionBeginsNoTrackedOne) {
  datapath_.fill(model_.state, server_.id);
  ASSERT_EQ(deliver(question()).action, kPass);
  ASSERT_EQ(send(answer()).action, kRedirect);
  revoke(in_.at(vpc::kTcp), false);
  EXPECT_EQ(send(answer()).action, kRedirect);
  EXPECT_EQ(entries(), 0U);
  EXPECT_EQ(deliver(question(kAck)).action, kShot);
  // A connection that the server itself begins is another matter.
  EXPECT_EQ(send(answer(kSyn)).action, kRedirect);
  EXPECT_EQ(deliver(question(kAck)).action, kPass);
}

TEST_P(TrackingOfTcp, AConnectionAfterATrackedOneHasNoUseOfItsEntry) {
  revoke(out_, true);
  datapath_.fill(model_.state, server_.id);
  ASSERT_EQ(deliver(question()).action, kPass);
  ASSERT_EQ(deliver(question(kFinAck)).action, kPass);
  out_ = model_.allow(group_, permission(true, vpc::kAllProtocols, -1, -1, cidr("0.0.0.0/0")));
  datapath_.refill(model_.state, server_.id);
  ASSERT_EQ(deliver(question()).action, kPass);
  revoke(in_.at(vpc::kTcp), false);
  EXPECT_EQ(deliver(question(kAck)).action, kShot);
}

INSTANTIATE_TEST_SUITE_P(Tcp, TrackingOfTcp, testing::Values(vpc::kTcp));

class TrackingOfOthers : public Tracking {};

TEST_P(TrackingOfOthers, AreTrackedHoweverOpenTheirRules) {
  model_.allow(group_, permission(false, vpc::kAllProtocols, -1, -1, cidr("0.0.0.0/0")));
  datapath_.fill(model_.state, server_.id);
  ASSERT_EQ(deliver(question()).action, kPass);
  EXPECT_EQ(entries(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Protocols, TrackingOfOthers, testing::Values(vpc::kIcmp, 47));

class TrackingOfUdp : public Tracking {};

// Only the port says what is an answer.
TEST_P(TrackingOfUdp, WhatComesFromAnotherPortIsTheServersOwnFlow) {
  datapath_.fill(model_.state, server_.id);
  auto own = answer();
  own.source_port = 5353;
  ASSERT_EQ(send(own).action, kRedirect);
  EXPECT_EQ(entries(), 1U);
  auto back = question();
  back.source_port = 40000;
  back.destination_port = 5353;
  EXPECT_EQ(deliver(back).action, kPass);
}

INSTANTIATE_TEST_SUITE_P(Udp, TrackingOfUdp, testing::Values(vpc::kUdp));

}  // namespace
}  // namespace caisson::test
