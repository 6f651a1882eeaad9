#include "base/json_depth.hh"

#include <gtest/gtest.h>

#include <string>

namespace caisson {
namespace {

TEST(NestedDeeperThan, CountsBracketsOnlyOutsideOfStrings) {
  EXPECT_FALSE(nested_deeper_than("", 0));
  EXPECT_FALSE(nested_deeper_than("1", 0));
  EXPECT_FALSE(nested_deeper_than(R"({"a":"[[[[[\"[[[["})", 1));
  EXPECT_FALSE(nested_deeper_than(R"([{"a":[]},{"b":[]},[]])", 3));
  EXPECT_TRUE(nested_deeper_than(R"([{"a":[]},{"b":[]},[]])", 2));
  EXPECT_TRUE(nested_deeper_than(std::string(1 << 20, '['), 16));
  EXPECT_FALSE(nested_deeper_than("]]]][", 1));
  EXPECT_FALSE(nested_deeper_than("\"\\", 0));
}

}  // namespace
}  // namespace caisson
