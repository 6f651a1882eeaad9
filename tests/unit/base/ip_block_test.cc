#include "base/ip_block.hh"

#include <gtest/gtest.h>

namespace caisson {
namespace {

TEST(IpBlock, WhatIsOne) {
  for (const char* text : {"10.0.0.0/8", "10.1.2.3/8", "10.0.0.1", "0.0.0.0/0", "fd00::/8", "::1", "::/0"})
    EXPECT_TRUE(is_ip_block(text)) << text;
  for (const char* text :
       {"", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "/8", "x", "10.0.0.0/8 "})
    EXPECT_FALSE(is_ip_block(text)) << text;
}

TEST(IpBlock, WhatItContains) {
  EXPECT_TRUE(ip_block_contains("10.1.0.0/16", "10.1.255.255"));
  EXPECT_TRUE(ip_block_contains("10.1.2.3/16", "10.1.0.0"));
  EXPECT_FALSE(ip_block_contains("10.1.0.0/16", "10.2.0.0"));
  EXPECT_TRUE(ip_block_contains("10.0.0.1", "10.0.0.1"));
  EXPECT_FALSE(ip_block_contains("10.0.0.1", "10.0.0.2"));
  EXPECT_TRUE(ip_block_contains("0.0.0.0/0", "192.0.2.1"));
  EXPECT_TRUE(ip_block_contains("fd00::/8", "fdff::1"));
  EXPECT_FALSE(ip_block_contains("::/0", "192.0.2.1"));
  EXPECT_FALSE(ip_block_contains("0.0.0.0/0", "::1"));
  EXPECT_FALSE(ip_block_contains("0.0.0.0/0", "x"));
}

}  // namespace
}  // namespace caisson
