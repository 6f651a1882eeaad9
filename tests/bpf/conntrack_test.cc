// Flows: what goes on without a rule, for how long, for whom; and their number.
#include <sched.h>

#include <atomic>
#include <thread>

#include "tests/bpf/fixture.hh"

namespace caisson::test {
namespace {

class Conntrack : public DatapathTest {
 protected:
  /// Every entry looks as if its last packet had come so long ago.
  void age(std::uint64_t nanoseconds) {
    for (const auto& [key, value] : datapath_.dump("conntrack")) {
      auto entry = value_of<caisson_conntrack>(value);
      entry.last_seen -= nanoseconds;
      datapath_.put("conntrack", key, bytes_of(entry));
    }
  }

  void revoke(const vpc::SecurityGroupId& group, bool egress, const std::string& rule) {
    model_.run(vpc::RevokeSecurityGroup{.group = group,
                                        .egress = egress,
                                        .rules = {*vpc::SecurityGroupRuleId::parse(rule)},
                                        .permissions = {}});
  }

  PacketParts from_target() const {
    return {.source_mac = target_.mac,
            .source = target_.address,
            .destination = sender_.address,
            .source_port = 5000,
            .destination_port = 40000};
  }

  Ran send(const PacketParts& parts) { return datapath_.run(Program::kFromGuest, build(parts)); }
  Ran deliver(const PacketParts& parts) { return datapath_.run(Program::kToGuest, build(parts), mark()); }
};

TEST_F(Conntrack, AFlowOutlivesTheRuleThatAdmittedItAtTheSender) {
  datapath_.fill(model_.state, sender_.id);
  ASSERT_EQ(send(to_target()).action, kRedirect);
  revoke(sender_group_, true, egress_);
  datapath_.refill(model_.state, sender_.id);
  ASSERT_EQ(send(to_target()).action, kRedirect);
  expect_accepted(egress_);
  // Another flow has no rule now.
  auto other = to_target();
  other.source_port++;
  EXPECT_EQ(send(other).action, kShot);
}

TEST_F(Conntrack, AFlowOutlivesTheRuleThatAdmittedItAtTheReceiver) {
  datapath_.fill(model_.state, target_.id);
  ASSERT_EQ(deliver(to_target()).action, kPass);
  revoke(target_group_, false, ingress_);
  datapath_.refill(model_.state, target_.id);
  ASSERT_EQ(deliver(to_target()).action, kPass);
  expect_accepted(ingress_);
  auto other = to_target();
  other.source_port++;
  EXPECT_EQ(deliver(other).action, kShot);
}

TEST_F(Conntrack, AnswersNeedNoRule) {
  datapath_.fill(model_.state, sender_.id);
  // 10.0.1.10 has no rule for ingress.
  EXPECT_EQ(deliver(from_target()).action, kShot);
  ASSERT_EQ(send(to_target()).action, kRedirect);
  EXPECT_EQ(deliver(from_target()).action, kPass);
  auto other = from_target();
  other.source_port++;
  EXPECT_EQ(deliver(other).action, kShot);
}

TEST_F(Conntrack, AnEchoInTheOtherDirectionIsNoAnswer) {
  datapath_.fill(model_.state, sender_.id);
  auto parts = to_target();
  parts.protocol = 1;
  ASSERT_EQ(send(parts).action, kRedirect);
  auto back = from_target();
  back.protocol = 1;
  back.source_port = parts.source_port;
  back.icmp_type = 0;
  EXPECT_EQ(deliver(back).action, kPass);
  back.icmp_type = 8;
  EXPECT_EQ(deliver(back).action, kShot);
}

TEST_F(Conntrack, ASynAfterTheEndBeginsAnotherConnection) {
  constexpr std::uint8_t kSyn = 0x02;
  constexpr std::uint8_t kSynAck = 0x12;
  constexpr std::uint8_t kAck = 0x10;
  constexpr std::uint8_t kFinAck = 0x11;
  datapath_.fill(model_.state, sender_.id);
  auto out = to_target();
  auto back = from_target();
  out.protocol = back.protocol = 6;
  const auto connect = [&] {
    out.tcp_flags = kSyn;
    ASSERT_EQ(send(out).action, kRedirect);
    back.tcp_flags = kSynAck;
    ASSERT_EQ(deliver(back).action, kPass);
  };
  connect();
  out.tcp_flags = kFinAck;
  ASSERT_EQ(send(out).action, kRedirect);
  // The peer may send what it still has, and no connection of its own.
  back.tcp_flags = kAck;
  EXPECT_EQ(deliver(back).action, kPass);
  back.tcp_flags = kSyn;
  EXPECT_EQ(deliver(back).action, kShot);
  connect();
  age(CAISSON_IDLE_CLOSING + CAISSON_NS);
  back.tcp_flags = kAck;
  EXPECT_EQ(deliver(back).action, kPass) << "the new one has not ended";
  EXPECT_EQ(value_of<std::uint64_t>(datapath_.get("eni_flows", bytes_of(sender_.number))), 1U);
  // Nor does it live by a rule that is gone.
  out.tcp_flags = kFinAck;
  ASSERT_EQ(send(out).action, kRedirect);
  revoke(sender_group_, true, egress_);
  datapath_.refill(model_.state, sender_.id);
  out.tcp_flags = kSyn;
  EXPECT_EQ(send(out).action, kShot);
}

struct Expiry {
  int protocol;
  bool answered;
  std::uint8_t last_flags;
  std::uint64_t idle;
};

class ConntrackExpiry : public Conntrack, public testing::WithParamInterface<Expiry> {};

TEST_P(ConntrackExpiry, IsJudgedAtLookup) {
  const auto& expiry = GetParam();
  datapath_.fill(model_.state, sender_.id);
  auto out = to_target();
  out.protocol = expiry.protocol;
  auto back = from_target();
  back.protocol = expiry.protocol;
  back.tcp_flags = 0x10;
  ASSERT_EQ(send(out).action, kRedirect);
  ASSERT_EQ(deliver(expiry.answered ? back : out).action, expiry.answered ? kPass : kShot);
  out.tcp_flags = expiry.last_flags;
  ASSERT_EQ(send(out).action, kRedirect);
  const auto entries = datapath_.dump("conntrack");
  age(expiry.idle - 5 * CAISSON_NS);
  EXPECT_EQ(deliver(back).action, kPass);
  for (const auto& [key, value] : entries) {
    datapath_.put("conntrack", key, value);
  }
  age(expiry.idle + CAISSON_NS);
  EXPECT_EQ(deliver(back).action, kShot);
}

INSTANTIATE_TEST_SUITE_P(Times, ConntrackExpiry,
                         testing::Values(Expiry{17, false, 0x02, CAISSON_IDLE_DATAGRAM},
                                         Expiry{17, true, 0x02, CAISSON_IDLE_STREAM},
                                         Expiry{6, false, 0x02, CAISSON_IDLE_UNANSWERED},
                                         Expiry{6, true, 0x02, CAISSON_IDLE_ANSWERED},
                                         Expiry{6, true, 0x11, CAISSON_IDLE_CLOSING}));

TEST_F(Conntrack, AnExpiredFlowIsJudgedAnewAndTakesNoSecondPlace) {
  datapath_.fill(model_.state, sender_.id);
  const std::string number = bytes_of(sender_.number);
  ASSERT_EQ(send(to_target()).action, kRedirect);
  ASSERT_EQ(value_of<std::uint64_t>(datapath_.get("eni_flows", number)), 1U);
  age(CAISSON_IDLE_DATAGRAM + CAISSON_NS);
  ASSERT_EQ(send(to_target()).action, kRedirect);
  EXPECT_EQ(value_of<std::uint64_t>(datapath_.get("eni_flows", number)), 1U);
  EXPECT_EQ(deliver(from_target()).action, kPass);
}

TEST_F(Conntrack, AFlowThatTwoProcessorsBeginTakesOnePlace) {
  constexpr int kFlows = 500;
  datapath_.fill(model_.state, sender_.id);
  std::atomic<int> arrived = 0;
  const auto send_all = [&](int processor) {
    cpu_set_t own;
    CPU_ZERO(&own);
    CPU_SET(static_cast<std::size_t>(processor), &own);
    (void)::sched_setaffinity(0, sizeof own, &own);  // with one processor there is nothing to be seen
    auto parts = to_target();
    for (int i = 0; i < kFlows; ++i) {
      parts.source_port = static_cast<std::uint16_t>(20000 + i);
      const std::string packet = build(parts);
      ++arrived;
      for (int spins = 0; arrived < 2 * (i + 1); ++spins) {
        // One that sleeps would come too late; but both may have the same processor.
        if (spins > 100'000) std::this_thread::yield();
      }
      EXPECT_EQ(datapath_.run(Program::kFromGuest, packet).action, kRedirect);
    }
  };
  std::thread one(send_all, 0);
  std::thread other(send_all, 1);
  one.join();
  other.join();
  EXPECT_EQ(datapath_.dump("conntrack").size(), std::size_t{kFlows});
  EXPECT_EQ(value_of<std::uint64_t>(datapath_.get("eni_flows", bytes_of(sender_.number))),
            std::uint64_t{kFlows});
}

TEST_F(Conntrack, OneFullInterfaceIsNoConcernOfAnother) {
  datapath_.fill(model_.state, sender_.id);
  datapath_.put("eni_flows", bytes_of(sender_.number), bytes_of(std::uint64_t{CAISSON_FLOWS_PER_ENI}));
  expect_reject(Program::kFromGuest, build(to_target()), CAISSON_CT_FULL, egress_);
  EXPECT_EQ(value_of<std::uint64_t>(datapath_.get("eni_flows", bytes_of(sender_.number))),
            CAISSON_FLOWS_PER_ENI);
  datapath_.forget();
  datapath_.put_slot(slot());
  EXPECT_EQ(send(from_function()).action, kRedirect);
  datapath_.remove_slot();
  datapath_.use_member(target_.id);
  EXPECT_EQ(deliver(to_target()).action, kPass);
  // And the receiver's own number counts at the receiver.
  datapath_.put("eni_flows", bytes_of(target_.number), bytes_of(std::uint64_t{CAISSON_FLOWS_PER_ENI}));
  expect_reject(Program::kToGuest, build(to_target()), CAISSON_CT_FULL, ingress_, mark());
}

TEST_F(Conntrack, AFlowOfAnotherSlotOrEpochIsNone) {
  datapath_.fill(model_.state);
  datapath_.put_slot(slot());
  auto out = from_function();
  const auto sent = send(out);
  ASSERT_EQ(sent.action, kRedirect);
  const PacketParts back{.source_mac = target_.mac,
                         .source = target_.address,
                         .destination = function_.address,
                         .source_port = 5000,
                         .destination_port = view(sent.packet).source_port};
  ASSERT_EQ(deliver(back).action, kPass);
  const auto entries = datapath_.dump("conntrack");
  ASSERT_EQ(entries.size(), 1U);
  for (const bool other_slot : {true, false}) {
    auto entry = value_of<caisson_conntrack>(entries.begin()->second);
    (other_slot ? entry.slot : entry.epoch)++;
    datapath_.forget();
    datapath_.put("conntrack", entries.begin()->first, bytes_of(entry));
    EXPECT_EQ(deliver(back).action, kShot);
    const auto records = datapath_.records();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].value.reason, CAISSON_NO_FLOW);
    EXPECT_EQ(records[0].key.direction, CAISSON_INGRESS);
  }
}

}  // namespace
}  // namespace caisson::test
