#include "runner/invoke/uid_range.hh"

#include <gtest/gtest.h>

namespace caisson::runner {
namespace {

TEST(UidRange, EachOnceAndAgainAsLateAsPossible) {
  UidRange range(1000, 3);
  EXPECT_EQ(range.take().value(), 1000U);
  EXPECT_EQ(range.take().value(), 1001U);
  range.give_back(1000);
  EXPECT_EQ(range.take().value(), 1002U);
  EXPECT_EQ(range.take().value(), 1000U);
  EXPECT_EQ(range.take().error().code, "NoFreeUser");
  range.give_back(1001);
  EXPECT_EQ(range.take().value(), 1001U);
}

}  // namespace
}  // namespace caisson::runner
