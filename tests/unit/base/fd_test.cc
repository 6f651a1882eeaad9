#include "base/fd.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace caisson {
namespace {

bool is_open(int raw) {
  return ::fcntl(raw, F_GETFD) >= 0;
}

Fd open_null() {
  return Fd::own(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

TEST(Fd, ClosesAndMovesAndLeavesNothingBehind) {
  int raw = -1;
  {
    Fd first = open_null();
    raw = first.get();
    Fd second = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that it is empty is what is tested
    EXPECT_EQ(second.get(), raw);
    EXPECT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(Fd, AssignmentClosesTheOldDescriptorAndSurvivesItself) {
  Fd first = open_null();
  Fd second = open_null();
  const int old = first.get();
  const int kept = second.get();
  first = std::move(second);
  EXPECT_FALSE(is_open(old));
  Fd& same = first;
  first = std::move(same);
  EXPECT_EQ(first.get(), kept);
  EXPECT_TRUE(is_open(kept));
}

TEST(Fd, ReleaseGivesAwayAndDuplicateIsAnother) {
  Fd first = open_null();
  Fd copy = first.duplicate().value();
  EXPECT_NE(copy.get(), first.get());
  const int raw = std::move(first).release();
  EXPECT_TRUE(is_open(raw));
  ::close(raw);
  EXPECT_EQ(Fd{}.duplicate().error().code, "EBADF");
}

}  // namespace
}  // namespace caisson
