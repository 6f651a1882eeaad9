#include "endpoints/sources.hh"

#include <gtest/gtest.h>

#include "endpoints/catalog.hh"

namespace caisson::endpoints {
namespace {

TEST(FunctionOf, IsTheOneThatAllUsersAreOf) {
  EXPECT_EQ(function_of({}), "");
  EXPECT_EQ(function_of({"resize#1"}), "resize");
  EXPECT_EQ(function_of({"resize#1", "resize#2"}), "resize");
  EXPECT_EQ(function_of({"other#3", "resize#1", "resize#2"}), "") << "it may be either";
}

TEST(Directory, AllowsEverythingWhereThereIsNoEndpoint) {
  Backends backends("");
  Directory directory("/nowhere", known_services("us-east-1").value(), backends);
  const auto sources = directory.sources();
  EXPECT_EQ(sources.policy("").value()->statements.size(), 1U);
  EXPECT_EQ(sources.policy("").value(), sources.policy("").value()) << "parsed once";
  // netd is not there: nothing is known, and nothing passes.
  EXPECT_FALSE(sources.policy("vpce-1"));
  EXPECT_FALSE(sources.resolve({.address = {1}, .port = 2, .local_address = {3}}));
  EXPECT_FALSE(sources.key("AKID", "", {.date = "20260131", .region = "us-east-1", .service = "s3"}));
}

}  // namespace
}  // namespace caisson::endpoints
