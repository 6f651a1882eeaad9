// What a guest sends to the resolver, and what an upstream resolver sends back.
#include "endpoints/dns/message.hh"
#include "endpoints/dns/zone.hh"
#include "tests/fuzz/fuzz.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace caisson;
  using namespace caisson::endpoints;
  const auto bytes = fuzz::view(data, size);
  const auto read = dns::read_query(bytes);
  (void)dns::lifetime(bytes);
  if (!read.query) return 0;
  const auto& query = *read.query;
  // What is sent on is the same question, and so is what comes back.
  const auto again = dns::read_query(dns::forwarded_query(query, 7));
  REQUIRE(again.query && again.query->id == 7 && again.query->name == query.name &&
          again.query->type == query.type);
  const dns::Zone zone{.region = "us-east-1", .services = {{"*.s3.us-east-1.amazonaws.com", {0xcb007101}}}};
  const Ipv4Cidr vpc({0x0a000000}, 16);
  const auto finding = dns::find(zone, vpc, query);
  dns::LocalAnswer local;
  if (const auto* known = std::get_if<dns::Known>(&finding)) local = known->answer;
  if (const auto* interface = std::get_if<dns::OfInterface>(&finding))
    local = answer(zone, *interface, true, query);
  const auto reply = dns::reply(query, local, query.datagram_limit());
  REQUIRE(reply.size() >= 12 && reply.size() <= query.datagram_limit());
  REQUIRE(dns::answers(query, query.id, reply));
  const auto relayed = dns::relayed_reply(query, bytes, 1, query.datagram_limit());
  REQUIRE(relayed.size() >= 12 && relayed.size() <= query.datagram_limit());
  return 0;
}
