#include "runner/auth/key_cache.hh"

#include <gtest/gtest.h>

namespace caisson::runner {
namespace {

const sigv4::Scope kToday{.date = "20260131", .region = "us-east-1", .service = "lambda"};
const sigv4::Scope kTomorrow{.date = "20260201", .region = "us-east-1", .service = "lambda"};

Signer signer(const std::string& account) {
  return {.account = account, .key = sigv4::SigningKey(sigv4::sha256(account))};
}

TEST(KeyCache, KnowsAKeyInItsScopeAlone) {
  KeyCache cache(4);
  cache.put(cache.epoch(), "A", kToday, signer("1"));
  ASSERT_TRUE(cache.find("A", kToday));
  EXPECT_EQ(cache.find("A", kToday)->account, "1");
  EXPECT_EQ(cache.find("A", kToday)->key.bytes(), sigv4::sha256("1"));
  EXPECT_FALSE(cache.find("A", kTomorrow));
  EXPECT_FALSE(cache.find("B", kToday));
}

TEST(KeyCache, TheLeastRecentlyUsedGoesFirst) {
  KeyCache cache(2);
  cache.put(cache.epoch(), "A", kToday, signer("1"));
  cache.put(cache.epoch(), "B", kToday, signer("2"));
  EXPECT_TRUE(cache.find("A", kToday));
  cache.put(cache.epoch(), "C", kToday, signer("3"));
  EXPECT_TRUE(cache.find("A", kToday));
  EXPECT_FALSE(cache.find("B", kToday));
  EXPECT_TRUE(cache.find("C", kToday));
  EXPECT_EQ(cache.size(), 2U);
  for (int i = 0; i < 100; ++i)
    cache.put(cache.epoch(), std::to_string(i), kToday, signer("4"));
  EXPECT_EQ(cache.size(), 2U);
  KeyCache none(0);
  none.put(none.epoch(), "A", kToday, signer("1"));
  EXPECT_EQ(none.size(), 0U);
}

TEST(KeyCache, WhatWasAskedForBeforeARevocationIsNotKept) {
  KeyCache cache(4);
  cache.put(cache.epoch(), "A", kToday, signer("1"));
  const auto before = cache.epoch();
  cache.clear();
  EXPECT_FALSE(cache.find("A", kToday));
  cache.put(before, "A", kToday, signer("1"));
  EXPECT_FALSE(cache.find("A", kToday));
  cache.put(cache.epoch(), "A", kToday, signer("1"));
  EXPECT_TRUE(cache.find("A", kToday));
}

}  // namespace
}  // namespace caisson::runner
