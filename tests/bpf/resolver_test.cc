// Questions to the resolver: who may ask, under which address, how often, and how the answers come back.
#include "base/bytes.hh"
#include "netd/bpf/caisson_abi.h"
#include "tests/bpf/fixture.hh"

namespace caisson::test {
namespace {

const Ipv4Address kFixed = address("169.254.169.253");
const Ipv4Address kInStack = address("169.254.169.252");  ///< of those who asked kOfVpc
const Ipv4Address kOfVpc = address("10.0.0.2");

class Resolver : public DatapathTest {
 protected:
  PacketParts question(Ipv4Address resolver, int protocol = 17) const {
    return question(sender_, resolver, protocol);
  }
  PacketParts question(const vpc::NetworkInterface& from, Ipv4Address resolver, int protocol) const {
    PacketParts parts{.source_mac = from.mac, .source = from.address};
    parts.destination = resolver;
    parts.destination_port = 53;
    parts.protocol = protocol;
    return parts;
  }
  PacketParts answer(Ipv4Address from, const vpc::NetworkInterface& to, std::uint16_t port) const {
    return {.source = from,
            .destination = {CAISSON_IDENTITY_PREFIX | to.number},
            .source_port = 53,
            .destination_port = port};
  }
};

TEST_F(Resolver, NoGroupHasASay) {
  const auto closed = model_.make_member(subnet_, "10.0.1.12", {model_.make_group(vpc_, "closed")});
  datapath_.fill(model_.state, closed.id);
  for (const int protocol : {6, 17}) {
    for (const auto& [asked, in_stack] : {std::pair{kFixed, kFixed}, std::pair{kOfVpc, kInStack}}) {
      datapath_.forget();
      const auto ran = datapath_.run(Program::kFromGuest, build(question(closed, asked, protocol)));
      ASSERT_EQ(ran.action, kRedirect);
      EXPECT_EQ(view(ran.packet).source.value, CAISSON_IDENTITY_PREFIX | closed.number);
      EXPECT_EQ(view(ran.packet).destination, in_stack);
      EXPECT_TRUE(view(ran.packet).checksums_right);
      expect_accepted("");
    }
  }
}

TEST_F(Resolver, ServesDnsAlone) {
  datapath_.fill(model_.state, sender_.id);
  auto parts = question(kFixed);
  parts.destination_port = 54;
  expect_reject(Program::kFromGuest, build(parts), CAISSON_NO_RESOLVER, "");
  parts = question(kFixed, 1);
  expect_reject(Program::kFromGuest, build(parts), CAISSON_NO_RESOLVER, "");
  // The VPC's own one is like any other address of the VPC for everything else.
  parts = question(kOfVpc);
  parts.destination_port = 54;
  expect_reject(Program::kFromGuest, build(parts), CAISSON_NO_DESTINATION, egress_);
}

TEST_F(Resolver, IsSilentWithoutDnsSupport) {
  model_.run(vpc::ModifyVpcAttribute{.vpc = vpc_, .dns_support = false, .dns_hostnames = {}});
  datapath_.fill(model_.state, sender_.id);
  expect_reject(Program::kFromGuest, build(question(kFixed)), CAISSON_NO_RESOLVER, "");
  expect_reject(Program::kFromGuest, build(question(kOfVpc)), CAISSON_NO_RESOLVER, "");
  model_.run(vpc::ModifyVpcAttribute{.vpc = vpc_, .dns_support = true, .dns_hostnames = {}});
  datapath_.fill(model_.state, sender_.id);
  expect_sent(build(question(kFixed)));
}

TEST_F(Resolver, AnInterfaceAsks1024TimesASecond) {
  datapath_.fill(model_.state, sender_.id);
  // A second that does not end while the test runs.
  const caisson_rate rate{.began = ~0ULL >> 2U, .packets = CAISSON_RESOLVER_PACKETS - 2};
  datapath_.put("resolver_rates", bytes_of(sender_.number), bytes_of(rate));
  expect_sent(build(question(kFixed)));
  expect_sent(build(question(kOfVpc)));
  expect_reject(Program::kFromGuest, build(question(kFixed)), CAISSON_RESOLVER_LIMIT, "");
  // What it sends elsewhere, and others ask, has nothing to do with it.
  datapath_.forget();
  expect_sent(build(to_target()));
  datapath_.use_member(target_.id);
  expect_sent(build(question(target_, kFixed, 17)));
  datapath_.use_member(sender_.id);
  // Another second.
  datapath_.put("resolver_rates", bytes_of(sender_.number),
                bytes_of(caisson_rate{.began = 0, .packets = CAISSON_RESOLVER_PACKETS}));
  expect_sent(build(question(kFixed)));
}

TEST_F(Resolver, AnswersComeFromWhereTheyWereAsked) {
  datapath_.fill(model_.state, sender_.id);
  for (const auto& [in_stack, seen] : {std::pair{kFixed, kFixed}, std::pair{kInStack, kOfVpc}}) {
    const auto ran = datapath_.run(Program::kFromStack, build(answer(in_stack, sender_, 40000)));
    ASSERT_EQ(ran.action, kRedirect);
    EXPECT_EQ(view(ran.packet).source, seen);
    EXPECT_EQ(view(ran.packet).destination, sender_.address);
    EXPECT_TRUE(view(ran.packet).checksums_right);
  }
}

TEST_F(Resolver, AnAnswerNeedsItsQuestion) {
  datapath_.fill(model_.state, sender_.id);
  auto asked = question(kOfVpc);
  asked.source_port = 40000;
  PacketParts answered{
      .source = kOfVpc, .destination = sender_.address, .source_port = 53, .destination_port = 40000};
  expect_reject(Program::kToGuest, build(answered), CAISSON_SG_INGRESS, "", mark());
  expect_sent(build(asked));
  EXPECT_EQ(datapath_.run(Program::kToGuest, build(answered), mark()).action, kPass);
}

}  // namespace
}  // namespace caisson::test
