#include "base/hex.hh"

#include <gmock/gmock.h>

#include <array>
#include <set>

namespace caisson {
namespace {

TEST(Hex, BytesToDigitsAndBack) {
  const std::array<unsigned char, 4> bytes{0x00, 0x0f, 0xa5, 0xff};
  EXPECT_EQ(to_hex(bytes), "000fa5ff");
  std::array<unsigned char, 4> back{};
  EXPECT_TRUE(from_hex("000fa5ff", back));
  EXPECT_EQ(back, bytes);
}

TEST(Hex, RefusesOtherTexts) {
  std::array<unsigned char, 2> bytes{};
  for (const char* text : {"", "000", "00000", "00FF", "00 f", "000g"}) {
    EXPECT_FALSE(from_hex(text, bytes)) << text;
  }
}

TEST(Hex, RandomUuidsAreOfVersionFourAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string uuid = random_uuid();
    EXPECT_THAT(uuid, testing::ContainsRegex(
                          "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"));
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

}  // namespace
}  // namespace caisson
