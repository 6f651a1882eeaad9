#include "endpoints/dns/zone.hh"

#include <gtest/gtest.h>

namespace caisson::endpoints::dns {
namespace {

const Ipv4Cidr kVpc({0x0a000000}, 16);
const Zone kZone{.region = "us-east-1",
                 .services = {{"s3.us-east-1.amazonaws.com", {0xcb007101}},
                              {"*.s3.us-east-1.amazonaws.com", {0xcb007101}}}};

Query query(const std::string& name, std::uint16_t type = kA) {
  Query made;
  made.name = name;
  made.type = type;
  return made;
}

/// "forward", "10.0.0.5", "reverse 10.0.0.5", or the code and the records of what is known.
std::string text(const Finding& finding) {
  if (std::holds_alternative<Forward>(finding)) return "forward";
  if (const auto* interface = std::get_if<OfInterface>(&finding))
    return (interface->reverse ? "reverse " : "") + interface->address.text();
  const auto& known = std::get<Known>(finding).answer;
  std::string made = std::to_string(static_cast<int>(known.rcode));
  for (const auto& record : known.answers)
    made += " " + record;
  return made;
}

TEST(Find, TellsWhoKnows) {
  const struct {
    const char* name;
    std::uint16_t type;
    const char* wanted;
  } kCases[] = {
      {"ip-10-0-0-5.ec2.internal", kA, "10.0.0.5"},
      {"ip-10-0-0-5.ec2.internal", kAaaa, "10.0.0.5"},
      {"ip-10-0-0-05.ec2.internal", kA, "3"},
      {"ip-10-0-0.5.ec2.internal", kA, "3"},
      {"ip-10-0-0-256.ec2.internal", kA, "3"},
      {"x.ec2.internal", kA, "3"},
      {"ec2.internal", kA, "0"},
      {"xec2.internal", kA, "forward"},
      {"5.0.0.10.in-addr.arpa", kPtr, "reverse 10.0.0.5"},
      {"5.0.1.10.in-addr.arpa", kPtr, "reverse 10.1.0.5"},
      {"1.1.168.192.in-addr.arpa", kPtr, "3"},
      {"10.100.51.198.in-addr.arpa", kPtr, "forward"},
      {"0.0.10.in-addr.arpa", kPtr, "forward"},
      {"s3.us-east-1.amazonaws.com", kA, "0 s3.us-east-1.amazonaws.com. 60 IN A 203.0.113.1"},
      {"a.b.s3.us-east-1.amazonaws.com", kA, "0 a.b.s3.us-east-1.amazonaws.com. 60 IN A 203.0.113.1"},
      {"s3.us-east-1.amazonaws.com", kAaaa, "0"},
      {"s3.us-west-2.amazonaws.com", kA, "forward"},
      {"www.example.com", kA, "forward"}};
  for (const auto& item : kCases) {
    const bool outside = std::string_view(item.name) == "5.0.1.10.in-addr.arpa";
    EXPECT_EQ(text(find(kZone, kVpc, query(item.name, item.type))), outside ? "3" : item.wanted) << item.name;
  }
}

TEST(Answer, IsOfWhatExists) {
  const OfInterface forward{.address = {0x0a000005}};
  const OfInterface reverse{.address = {0x0a000005}, .reverse = true};
  const auto name = query("ip-10-0-0-5.ec2.internal");
  EXPECT_EQ(answer(kZone, forward, true, name).answers.at(0), "ip-10-0-0-5.ec2.internal. 60 IN A 10.0.0.5");
  EXPECT_EQ(answer(kZone, forward, false, name).rcode, Rcode::kNxDomain);
  EXPECT_NE(answer(kZone, forward, false, name).authority, "");
  const auto other = answer(kZone, forward, true, query("ip-10-0-0-5.ec2.internal", kAaaa));
  EXPECT_EQ(other.rcode, Rcode::kNoError);
  EXPECT_TRUE(other.answers.empty());
  EXPECT_NE(other.authority, "");
  EXPECT_EQ(answer(kZone, reverse, true, query("5.0.0.10.in-addr.arpa", kPtr)).answers.at(0),
            "5.0.0.10.in-addr.arpa. 60 IN PTR ip-10-0-0-5.ec2.internal.");
}

TEST(PrivateZone, IsTheRegions) {
  EXPECT_EQ(private_name({0x0a000005}, "us-east-1"), "ip-10-0-0-5.ec2.internal");
  EXPECT_EQ(private_name({0x0a000005}, "eu-west-1"), "ip-10-0-0-5.eu-west-1.compute.internal");
}

}  // namespace
}  // namespace caisson::endpoints::dns
