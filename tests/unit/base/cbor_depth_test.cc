#include "base/cbor_depth.hh"

#include <gtest/gtest.h>

#include <string>

namespace caisson {
namespace {

TEST(CborTooDeep, CountsArraysAndMaps) {
  EXPECT_FALSE(cbor_too_deep("\x05", 0));
  EXPECT_FALSE(cbor_too_deep("\x81\x05", 1));
  EXPECT_TRUE(cbor_too_deep("\x81\x05", 0));
  EXPECT_FALSE(
      cbor_too_deep("\xa2\x61"
                    "a"
                    "\x81\x01\x61"
                    "b"
                    "\x81\x02",
                    2));
  EXPECT_TRUE(
      cbor_too_deep("\xa1\x61"
                    "a"
                    "\x81\x81\x01",
                    2));
  // Siblings are no depth.
  EXPECT_FALSE(cbor_too_deep("\x83\x80\x80\x80", 2));
}

TEST(CborTooDeep, RefusesWhatIsNoWholeItem) {
  EXPECT_TRUE(cbor_too_deep("", 9));
  EXPECT_TRUE(cbor_too_deep("\x05\x05", 9));
  EXPECT_TRUE(cbor_too_deep("\x82\x05", 9));
  EXPECT_TRUE(
      cbor_too_deep("\x62"
                    "a",
                    9));
  EXPECT_TRUE(cbor_too_deep("\x18", 9));
  EXPECT_TRUE(cbor_too_deep("\xc0\x05", 9));      // a tag
  EXPECT_TRUE(cbor_too_deep("\x9f\x05\xff", 9));  // an indefinite length
  EXPECT_TRUE(cbor_too_deep("\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x05", 9));
  EXPECT_TRUE(cbor_too_deep(std::string(1 << 20, '\x81'), 100));
}

}  // namespace
}  // namespace caisson
