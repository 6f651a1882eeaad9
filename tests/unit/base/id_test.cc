#include "base/id.hh"

#include <gtest/gtest.h>

namespace caisson {
namespace {

struct VpcTag {
  static constexpr std::string_view prefix = "vpc";
};
using VpcId = Id<VpcTag>;

TEST(Id, MakesWhatItParses) {
  EXPECT_EQ(VpcId::make(0x1a2b).text(), "vpc-00000000000001a2b");
  EXPECT_EQ(VpcId::parse("vpc-00000000000001a2b"), VpcId::make(0x1a2b));
  EXPECT_TRUE(VpcId::parse("vpc-1a2b3c4d")) << "EC2's old ids";
  for (const char* bad : {"", "vpc", "vpc-", "vpc-xyz", "subnet-00000000000001a2b", "vpc-00000000000001A2B",
                          "vpc-00000000000001a2b0", "vpc_00000000000001a2b"}) {
    EXPECT_FALSE(VpcId::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace caisson
