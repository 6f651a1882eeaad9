// ICMP errors: about tracked flows they pass, and what they quote is rewritten with every checksum; no others do.
#include "tests/bpf/fixture.hh"

namespace caisson::test {
namespace {

constexpr std::size_t kMuch = 20 + 60;  // of what is quoted: with TCP's checksum

class IcmpErrors : public DatapathTest {
 protected:
  void use_function() {
    datapath_.fill(model_.state);
    datapath_.put_slot(slot());
  }

  /// An error of the target about a packet that it got.
  std::string from_target(const std::string& packet, std::size_t bytes = kMuch) const {
    return build_error({.source_mac = target_.mac,
                        .source = target_.address,
                        .destination = view(packet).source,
                        .type = 3,
                        .code = 3,
                        .mtu = 0,
                        .bytes = bytes},
                       packet);
  }

  static void expect_right(const std::string& error) {
    const auto outer = view(error);
    EXPECT_TRUE(outer.checksums_right);
    EXPECT_TRUE(view(quoted_of(error)).checksums_right);
  }
};

class IcmpErrorsOf : public IcmpErrors, public testing::WithParamInterface<int> {};

TEST_P(IcmpErrorsOf, AMemberComeToTheFunctionThatSent) {
  use_function();
  for (const std::uint16_t port : {33000, 5353}) {
    auto parts = from_function();
    parts.protocol = GetParam();
    parts.source_port = port;
    const auto sent = datapath_.run(Program::kFromGuest, build(parts));
    ASSERT_EQ(sent.action, kRedirect);
    const auto got = datapath_.run(Program::kToGuest, from_target(sent.packet), mark());
    ASSERT_EQ(got.action, kPass);
    EXPECT_EQ(view(got.packet).source, target_.address);
    EXPECT_EQ(view(got.packet).destination, address("169.254.100.2"));
    EXPECT_EQ(view(got.packet).destination_mac, kGuestMac);
    const auto quoted = view(quoted_of(got.packet));
    EXPECT_EQ(quoted.source, address("169.254.100.2"));
    EXPECT_EQ(quoted.source_port, port);
    EXPECT_EQ(quoted.destination, target_.address);
    expect_right(got.packet);
    // 64 bits of what is in IP: TCP's checksum is not among them.
    const auto least = datapath_.run(Program::kToGuest, from_target(sent.packet, 28), mark());
    ASSERT_EQ(least.action, kPass);
    EXPECT_TRUE(view(least.packet).checksums_right);
    EXPECT_EQ(view(quoted_of(least.packet)).source_port, port);
  }
}

TEST_P(IcmpErrorsOf, ARouterComeBackThroughTheStack) {
  const auto managed = model_.make_function({}, {});
  datapath_.fill(model_.state);
  datapath_.put_slot(slot_of(model_.state, managed, kBlock, 7));
  auto parts = from_function();
  parts.destination = address("198.51.100.10");
  parts.protocol = GetParam();
  const auto sent = datapath_.run(Program::kFromGuest, build(parts));
  ASSERT_EQ(sent.action, kRedirect);
  const ErrorParts error{
      .source = address("203.0.113.1"), .destination = view(sent.packet).source, .bytes = kMuch};
  const auto mapped = datapath_.run(Program::kFromStack, build_error(error, sent.packet));
  ASSERT_EQ(mapped.action, kRedirect);
  EXPECT_EQ(view(mapped.packet).destination, managed.address);
  EXPECT_EQ(view(quoted_of(mapped.packet)).source, managed.address);
  expect_right(mapped.packet);
  const auto got = datapath_.run(Program::kToGuest, mapped.packet, mapped.mark);
  ASSERT_EQ(got.action, kPass);
  EXPECT_EQ(view(got.packet).source, address("203.0.113.1"));
  EXPECT_EQ(view(quoted_of(got.packet)).source, address("169.254.100.2"));
  EXPECT_EQ(view(quoted_of(got.packet)).source_port, 32768);
  expect_right(got.packet);
  // One that quotes another's packet.
  auto foreign = parts;
  foreign.source = address("10.9.9.9");
  expect_drop(Program::kFromStack, build_error(error, build(foreign)), CAISSON_ICMP_ERROR);
}

TEST_P(IcmpErrorsOf, AFunctionGoToTheMemberThatAnswered) {
  use_function();
  for (const std::uint16_t port : {33000, 5353}) {
    auto parts = from_function();
    parts.protocol = GetParam();
    parts.source_port = port;
    const auto sent = datapath_.run(Program::kFromGuest, build(parts));
    ASSERT_EQ(sent.action, kRedirect);
    PacketParts answer{.source_mac = target_.mac,
                       .source = target_.address,
                       .destination = function_.address,
                       .protocol = GetParam(),
                       .source_port = GetParam() == 1 ? view(sent.packet).source_port : std::uint16_t{5000},
                       .destination_port = view(sent.packet).source_port,
                       .icmp_type = 0};
    const auto got = datapath_.run(Program::kToGuest, build(answer), mark());
    ASSERT_EQ(got.action, kPass);
    const ErrorParts error{.source_mac = kGuestMac,
                           .source = address("169.254.100.2"),
                           .destination = target_.address,
                           .type = 3,
                           .code = 3,
                           .bytes = kMuch};
    const auto out = datapath_.run(Program::kFromGuest, build_error(error, got.packet));
    ASSERT_EQ(out.action, kRedirect);
    EXPECT_EQ(view(out.packet).source, function_.address);
    EXPECT_EQ(view(out.packet).destination_mac, target_.mac);
    const auto quoted = view(quoted_of(out.packet));
    EXPECT_EQ(quoted.destination, function_.address);
    EXPECT_EQ(GetParam() == 1 ? quoted.source_port : quoted.destination_port, view(sent.packet).source_port);
    expect_right(out.packet);
  }
}

INSTANTIATE_TEST_SUITE_P(Protocols, IcmpErrorsOf, testing::Values(1, 6, 17));

TEST_F(IcmpErrors, GoFromMemberToMemberWithoutARule) {
  datapath_.fill(model_.state, sender_.id);
  const auto sent = datapath_.run(Program::kFromGuest, build(to_target()));
  datapath_.use_member(target_.id);
  ASSERT_EQ(datapath_.run(Program::kToGuest, sent.packet, mark()).action, kPass);
  // The target's group has no rule for egress.
  const auto error = datapath_.run(Program::kFromGuest, from_target(build(to_target())));
  ASSERT_EQ(error.action, kRedirect);
  datapath_.use_member(sender_.id);
  datapath_.forget_records();
  EXPECT_EQ(datapath_.run(Program::kToGuest, error.packet, mark()).action, kPass);
  expect_accepted(egress_);  // what admitted the flow
  EXPECT_EQ(datapath_.records()[0].key.source_port, 0);
  EXPECT_EQ(datapath_.records()[0].key.destination_port, 0);
}

TEST_F(IcmpErrors, AboutForeignPacketsAreDroppedAtTheSender) {
  datapath_.fill(model_.state, target_.id);
  ASSERT_EQ(datapath_.run(Program::kToGuest, build(to_target()), mark()).action, kPass);
  const auto sends = [&](const PacketParts& quoted) { return from_target(build(quoted)); };
  ASSERT_EQ(datapath_.run(Program::kFromGuest, sends(to_target())).action, kRedirect);
  auto parts = to_target();
  parts.source_port++;  // no such flow
  expect_drop(Program::kFromGuest, sends(parts), CAISSON_ICMP_ERROR);
  parts = to_target();
  parts.destination_port++;
  expect_drop(Program::kFromGuest, sends(parts), CAISSON_ICMP_ERROR);
  parts = to_target();
  parts.destination = address("10.0.1.99");  // that went to somebody else
  expect_drop(Program::kFromGuest, sends(parts), CAISSON_ICMP_ERROR);
  // To somebody else than the quoted packet's sender.
  expect_drop(
      Program::kFromGuest,
      build_error({.source_mac = target_.mac, .source = target_.address, .destination = address("10.0.1.99")},
                  build(to_target())),
      CAISSON_ICMP_ERROR);
  expect_drop(
      Program::kFromGuest,
      build_error({.source_mac = target_.mac, .source = sender_.address, .destination = sender_.address},
                  build(to_target())),
      CAISSON_SPOOF);
  for (const int type : {4, 5, 9, 10, 13, 17}) {  // neither echo nor errors that an end host sends
    expect_drop(Program::kFromGuest,
                build_error({.source_mac = target_.mac,
                             .source = target_.address,
                             .destination = sender_.address,
                             .type = type},
                            build(to_target())),
                CAISSON_ICMP_ERROR);
  }
  // What is quoted has no ports, options, or too little.
  for (const auto& quoted : {with_fragment(build(to_target()), 0x0003), std::string(build([&] {
                               auto options = to_target();
                               options.options = true;
                               return options;
                             }()))}) {
    expect_drop(Program::kFromGuest, from_target(quoted), CAISSON_ICMP_ERROR);
  }
  expect_drop(Program::kFromGuest, from_target(build(to_target()), 20 + 4), CAISSON_ICMP_ERROR);
  // An error in fragments.
  expect_drop(Program::kFromGuest, with_fragment(sends(to_target()).substr(0, 14 + 20 + 40), 0x2000),
              CAISSON_ICMP_ERROR);
}

TEST_F(IcmpErrors, AboutForeignPacketsAreDroppedAtTheReceiver) {
  use_function();
  const auto sent = datapath_.run(Program::kFromGuest, build(from_function()));
  ASSERT_EQ(datapath_.run(Program::kToGuest, from_target(sent.packet), mark()).action, kPass);
  const auto entries = datapath_.dump("conntrack");
  for (const bool other_slot : {true, false}) {
    auto entry = value_of<caisson_conntrack>(entries.begin()->second);
    (other_slot ? entry.slot : entry.epoch)++;
    datapath_.put("conntrack", entries.begin()->first, bytes_of(entry));
    expect_drop(Program::kToGuest, from_target(sent.packet), CAISSON_ICMP_ERROR, mark());
  }
  datapath_.forget();
  expect_drop(Program::kToGuest, from_target(sent.packet), CAISSON_ICMP_ERROR, mark());
  // Of an address that is not the receiver's.
  datapath_.use_member(sender_.id);
  auto parts = to_target();
  parts.source = function_.address;
  expect_drop(Program::kToGuest,
              build_error({.source = target_.address, .destination = function_.address}, build(parts)),
              CAISSON_ICMP_ERROR, mark());
}

TEST_F(IcmpErrors, OfAFunctionAboutNoFlowOfItsOwnAreDropped) {
  use_function();
  const PacketParts received{.source = target_.address,
                             .destination = address("169.254.100.2"),
                             .source_port = 5000,
                             .destination_port = 32768};
  const ErrorParts error{
      .source_mac = kGuestMac, .source = address("169.254.100.2"), .destination = target_.address};
  expect_drop(Program::kFromGuest, build_error(error, build(received)), CAISSON_ICMP_ERROR);
  expect_sent(build(from_function()));
  expect_sent(build_error(error, build(received)));
  datapath_.put_slot(slot(8));  // another owner
  expect_drop(Program::kFromGuest, build_error(error, build(received)), CAISSON_ICMP_ERROR);
}

}  // namespace
}  // namespace caisson::test
