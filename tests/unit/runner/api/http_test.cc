#include "runner/api/http.hh"

#include <gtest/gtest.h>

namespace caisson::runner {
namespace {

using Path = std::vector<std::string>;

TEST(ParseTarget, SplitsBeforeItDecodes) {
  const Target target =
      parse_target("/2015-03-31/functions/f%3Alive%2Fx/invocations?Qualifier=%24LATEST&A=b+c&D");
  EXPECT_TRUE(target.valid);
  EXPECT_EQ(target.path, (Path{"2015-03-31", "functions", "f:live/x", "invocations"}));
  EXPECT_EQ(target.query,
            (std::map<std::string, std::string>{{"Qualifier", "$LATEST"}, {"A", "b c"}, {"D", ""}}));
}

TEST(ParseTarget, TrailingSlashesDoNotMatter) {
  EXPECT_EQ(parse_target("/a/b/").path, (Path{"a", "b"}));
  EXPECT_EQ(parse_target("/a/b/?x=1").path, (Path{"a", "b"}));
  EXPECT_TRUE(parse_target("/").path.empty());
  EXPECT_TRUE(parse_target("").path.empty());
}

TEST(ParseTarget, BrokenEscapes) {
  for (const char* text : {"/a%", "/a%2", "/a%zz", "/a?x=%", "/a?%g0=1"})
    EXPECT_FALSE(parse_target(text).valid) << text;
}

}  // namespace
}  // namespace caisson::runner
