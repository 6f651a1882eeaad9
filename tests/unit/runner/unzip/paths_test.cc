#include "runner/unzip/paths.hh"

#include <gtest/gtest.h>

#include <string>

namespace caisson::runner {
namespace {

TEST(Paths, InnerOnes) {
  for (const char* path : {"app.py", "a/b/c", "./a", "a//b", "a/", "..a", "a..b/c", "\xc3\xa4.py"}) {
    EXPECT_TRUE(is_inner_path(path)) << path;
  }
}

TEST(Paths, OnesThatLeaveOrAreNoNames) {
  for (const char* path : {"", "/", "/etc/passwd", "..", "../a", "a/../../b", "a/..", ".", "./", "a\nb"}) {
    EXPECT_FALSE(is_inner_path(path)) << path;
  }
  EXPECT_FALSE(is_inner_path(std::string("a\0b", 3)));
  EXPECT_FALSE(is_inner_path(std::string(1025, 'a')));
}

TEST(Names, StayFoldersOrOthers) {
  Names names;
  EXPECT_TRUE(names.add("lib", true));
  EXPECT_TRUE(names.add("lib/", true));
  EXPECT_TRUE(names.add("./lib/a.py", false));
  EXPECT_TRUE(names.add("lib//a.py", false)) << "the last one wins, as with unzip";
  EXPECT_TRUE(names.add("other/b/c", false));
  EXPECT_FALSE(names.add("lib", false));
  EXPECT_FALSE(names.add("other/b", false)) << "a folder that only a path names";
  EXPECT_FALSE(names.add("lib/a.py", true));
  EXPECT_FALSE(names.add("lib/a.py/d/e", false));
}

TEST(Paths, Links) {
  EXPECT_TRUE(is_inner_link("bin/tool", "../lib/tool"));
  EXPECT_TRUE(is_inner_link("link", "file"));
  EXPECT_TRUE(is_inner_link("a/b/link", "../../c"));
  EXPECT_FALSE(is_inner_link("link", "../file"));
  EXPECT_FALSE(is_inner_link("bin/tool", "../../lib"));
  EXPECT_FALSE(is_inner_link("bin/tool", "x/../../../lib"));
  EXPECT_FALSE(is_inner_link("link", "/etc/passwd"));
  EXPECT_FALSE(is_inner_link("link", ""));
}

}  // namespace
}  // namespace caisson::runner
