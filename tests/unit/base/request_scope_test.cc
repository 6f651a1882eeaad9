#include "base/request_scope.hh"

#include <gtest/gtest.h>

#include <thread>

namespace caisson {
namespace {

TEST(RequestScope, NamesTheRequestUntilItsEnd) {
  EXPECT_EQ(current_request_id(), "");
  {
    const RequestScope outer("one");
    EXPECT_EQ(current_request_id(), "one");
    {
      const RequestScope inner("two");
      EXPECT_EQ(current_request_id(), "two");
    }
    EXPECT_EQ(current_request_id(), "one");
  }
  EXPECT_EQ(current_request_id(), "");
}

TEST(RequestScope, IsItsThreadsOwn) {
  const RequestScope scope("mine");
  std::string seen = "unset";
  std::thread([&] { seen = current_request_id(); }).join();
  EXPECT_EQ(seen, "");
}

}  // namespace
}  // namespace caisson
