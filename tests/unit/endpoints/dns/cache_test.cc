#include "endpoints/dns/cache.hh"

#include <gtest/gtest.h>

#include "tests/unit/endpoints/dns/queries.hh"

namespace caisson::endpoints::dns {
namespace {

using namespace std::chrono_literals;

const Cache::Clock::time_point kNow = Cache::Clock::time_point(1000s);

Query query(const std::string& name) {
  return *read_query(test::question(name, 16)).query;
}

std::string answer(const std::string& name, unsigned ttl = 300, const std::string& data = "x") {
  return test::upstream(1, name, ttl, 1, data);
}

TEST(Cache, IsOfOneVpc) {
  Cache cache;
  cache.add("vpc-a", query("n"), answer("n"), kNow);
  ASSERT_TRUE(cache.find("vpc-a", query("n"), kNow));
  EXPECT_FALSE(cache.find("vpc-b", query("n"), kNow));
  cache.add("vpc-b", query("n"), answer("n", 300, "other"), kNow);
  EXPECT_EQ(cache.find("vpc-a", query("n"), kNow)->bytes, answer("n"));
  EXPECT_EQ(cache.find("vpc-b", query("n"), kNow)->bytes, answer("n", 300, "other"));
}

TEST(Cache, ForgetsInTime) {
  Cache cache;
  cache.add("v", query("n"), answer("n"), kNow);
  EXPECT_EQ(cache.find("v", query("n"), kNow + 299s)->age, 299U);
  EXPECT_FALSE(cache.find("v", query("n"), kNow + 300s));
  EXPECT_EQ(cache.entries(), 0U);
  cache.add("v", query("n"), answer("n", 0), kNow);
  EXPECT_EQ(cache.entries(), 0U);
}

TEST(Cache, IsBoundedInEachVpc) {
  Cache cache({.bytes_of_vpc = 10'000, .vpcs = 2});
  cache.add("victim", query("n"), answer("n"), kNow);
  for (int i = 0; i < 100; ++i) {
    const std::string name = "n" + std::to_string(i);
    cache.add("greedy", query(name), answer(name), kNow);
    cache.find("greedy", query("n0"), kNow);  // what is used stays
  }
  EXPECT_LT(cache.entries(), 40U);
  EXPECT_TRUE(cache.find("victim", query("n"), kNow));
  EXPECT_TRUE(cache.find("greedy", query("n0"), kNow));
  EXPECT_TRUE(cache.find("greedy", query("n99"), kNow));
  EXPECT_FALSE(cache.find("greedy", query("n1"), kNow));
  cache.find("victim", query("n"), kNow);
  cache.add("third", query("n"), answer("n"), kNow);
  EXPECT_TRUE(cache.find("victim", query("n"), kNow));
  EXPECT_FALSE(cache.find("greedy", query("n99"), kNow));
}

}  // namespace
}  // namespace caisson::endpoints::dns
