#include "base/ipv4.hh"

#include <gtest/gtest.h>

#include "base/mac.hh"

namespace caisson {
namespace {

TEST(Ipv4Address, RoundTripsAndRefusesEverythingElse) {
  EXPECT_EQ(Ipv4Address::parse("192.0.2.1")->value, 0xc0000201U);
  EXPECT_EQ(Ipv4Address{0xffffffff}.text(), "255.255.255.255");
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.4 ", "0x1.2.3.4", "01.2.3.4"}) {
    EXPECT_FALSE(Ipv4Address::parse(bad)) << bad;
  }
  EXPECT_FALSE(Ipv4Address::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(Ipv4Cidr, ClearsHostBitsAsEc2Does) {
  EXPECT_EQ(Ipv4Cidr::parse("100.68.0.18/18")->text(), "100.68.0.0/18");
  EXPECT_EQ(Ipv4Cidr::parse("0.0.0.0/0")->size(), std::uint64_t{1} << 32);
  EXPECT_EQ(Ipv4Cidr::parse("10.0.0.4/32")->last().text(), "10.0.0.4");
  for (const char* bad :
       {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8x"}) {
    EXPECT_FALSE(Ipv4Cidr::parse(bad)) << bad;
  }
}

TEST(Ipv4Cidr, ContainsAndOverlaps) {
  const auto wide = *Ipv4Cidr::parse("10.0.0.0/16");
  const auto narrow = *Ipv4Cidr::parse("10.0.1.0/24");
  const auto other = *Ipv4Cidr::parse("10.1.0.0/16");
  EXPECT_TRUE(wide.contains(narrow));
  EXPECT_FALSE(narrow.contains(wide));
  EXPECT_TRUE(narrow.overlaps(wide));
  EXPECT_FALSE(wide.overlaps(other));
  EXPECT_TRUE(wide.contains(*Ipv4Address::parse("10.0.255.255")));
  EXPECT_FALSE(wide.contains(*Ipv4Address::parse("10.1.0.0")));
}

TEST(MacAddress, RoundTripsAndRefusesEverythingElse) {
  EXPECT_EQ(MacAddress::parse("02:CA:15:50:00:01")->text(), "02:ca:15:50:00:01");
  for (const char* bad :
       {"", "02:ca:15:50:00", "02-ca-15-50-00-01", "02:ca:15:50:00:0g", "02:ca:15:50:00:001"}) {
    EXPECT_FALSE(MacAddress::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace caisson
