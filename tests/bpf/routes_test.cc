// Where routes lead, by the shipped program: to a service through an endpoint, and nowhere.
#include "tests/bpf/fixture.hh"
#include "tests/support/random_commands.hh"

namespace caisson::test {
namespace {

constexpr const char* kS3 = "203.0.113.10";

class Routes : public DatapathTest {
 protected:
  Routes() { model_.state.services = test_services(); }

  std::string make_endpoint() {
    const auto main = vpc::find(model_.state.vpcs, vpc_)->main_route_table;
    return model_.run(vpc::CreateVpcEndpoint{vpc_, "com.amazonaws.us-east-1.s3", {main}, "", {}, ""}).at(0);
  }

  static PacketParts to_service(PacketParts parts, int protocol = vpc::kTcp) {
    parts.destination = address(kS3);
    parts.protocol = protocol;
    parts.destination_port = 443;
    return parts;
  }

  /// The packet goes to the stack from the interface's identity, and its record names the endpoint.
  void expect_service(const std::string& packet, std::uint32_t number, const std::string& endpoint,
                      const std::string& rule) {
    datapath_.forget();
    const auto ran = datapath_.run(Program::kFromGuest, packet);
    EXPECT_EQ(ran.action, kRedirect);
    EXPECT_EQ(ran.mark, 0U);
    const auto seen = view(ran.packet);
    EXPECT_EQ(seen.source.value, CAISSON_IDENTITY_PREFIX | number);
    EXPECT_EQ(seen.destination, address(kS3));
    EXPECT_TRUE(seen.checksums_right);
    expect_accepted(rule);
    EXPECT_EQ(std::string(datapath_.records().at(0).value.endpoint), endpoint);
  }
};

TEST_F(Routes, ToAServiceIsThereWithAnEndpointAlone) {
  datapath_.fill(model_.state, sender_.id);
  expect_reject(Program::kFromGuest, build(to_service(to_target())), CAISSON_NO_ROUTE, egress_);
  const auto endpoint = make_endpoint();
  datapath_.fill(model_.state, sender_.id);
  expect_service(build(to_service(to_target())), sender_.number, endpoint, egress_);
  datapath_.put_slot(slot());
  expect_service(build(to_service(from_function())), function_.number, endpoint, egress_);
}

TEST_F(Routes, GoWithAnOpenConnection) {
  const auto id = *vpc::VpcEndpointId::parse(make_endpoint());
  datapath_.fill(model_.state, sender_.id);
  expect_sent(build(to_service(to_target())));
  model_.run(vpc::DeleteVpcEndpoints{{id}});
  datapath_.refill(model_.state, sender_.id);
  EXPECT_EQ(datapath_.run(Program::kFromGuest, build(to_service(to_target()))).action, kShot);
}

TEST_F(Routes, ToAServiceCarryTcpAlone) {
  make_endpoint();
  datapath_.fill(model_.state, sender_.id);
  for (const int protocol : {vpc::kUdp, vpc::kIcmp}) {
    expect_reject(Program::kFromGuest, build(to_service(to_target(), protocol)), CAISSON_PROTOCOL, egress_);
  }
}

TEST_F(Routes, OfTheManagedSegmentLeadToAllServices) {
  const auto managed = model_.make_function({}, {});
  const auto vpc = model_.state.vpcs.at(managed.vpc);
  std::string rule;
  for (const auto& [id, row] : model_.state.security_group_rules) {
    if (row->group == vpc->default_security_group) rule = id.text();
  }
  datapath_.fill(model_.state);
  datapath_.put_slot(slot_of(model_.state, managed, kBlock, 7));
  expect_service(build(to_service(from_function())), managed.number, "managed", rule);
  expect_reject(Program::kFromGuest, build(to_service(from_function(), vpc::kUdp)), CAISSON_PROTOCOL, rule);
  auto elsewhere = to_service(from_function());
  elsewhere.destination = address("10.0.0.1");
  expect_reject(Program::kFromGuest, build(elsewhere), CAISSON_FORBIDDEN_EXIT, rule);
}

TEST_F(Routes, ToAnInterfaceSwallow) {
  const auto main = vpc::find(model_.state.vpcs, vpc_)->main_route_table;
  make_endpoint();
  model_.run(vpc::CreateRoute{main, cidr("203.0.113.0/26"), target_.id});
  datapath_.fill(model_.state, sender_.id);
  expect_reject(Program::kFromGuest, build(to_service(to_target())), CAISSON_BLACKHOLE, egress_);
  model_.run(vpc::DeleteRoute{main, cidr("203.0.113.0/26")});
  datapath_.fill(model_.state, sender_.id);
  expect_sent(build(to_service(to_target())));
}

}  // namespace
}  // namespace caisson::test
