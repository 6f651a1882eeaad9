#include "netd/accounts/key_ring.hh"

#include <gtest/gtest.h>

#include <filesystem>

#include "vpc/apply/apply.hh"

namespace caisson::netd::accounts {
namespace {

const sigv4::Scope kScope{.date = "20260131", .region = "us-east-1", .service = "ec2"};

class KeyRingTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/caisson-key-ring-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    ring_.emplace(Sealer::open(folder_ + "/sealing.key", false).value());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// As netd does it; the secret.
  std::string make_key(std::uint64_t seed) {
    vpc::StampedCommand stamped{
        .account = account_, .seed = seed, .time = "t", .command = vpc::CreateAccessKey{}};
    const auto secret = ring_->stamp_secret(stamped);
    EXPECT_TRUE(secret);
    auto applied = vpc::apply(state_, stamped);
    EXPECT_TRUE(applied) << applied.error().text();
    state_ = applied.value().state;
    EXPECT_EQ(applied.value().ids, std::vector{vpc::access_key_id(seed)});
    return secret.value();
  }

  std::string folder_;
  vpc::AccountId account_{vpc::kDefaultAccountId};
  vpc::State state_;
  std::optional<KeyRing> ring_;
};

TEST_F(KeyRingTest, FindsWhatSignsForAKey) {
  const std::string secret = make_key(1);
  const auto found = ring_->find(state_, vpc::access_key_id(1), kScope);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found.value().account, account_);
  EXPECT_EQ(found.value().key.bytes(), sigv4::SigningKey::derive(secret, kScope).bytes());
  EXPECT_EQ(ring_->find(state_, vpc::access_key_id(2), kScope).error().code, "UnknownKey");
  EXPECT_EQ(state_.access_keys.begin()->second->sealed_secret.find(secret), std::string::npos);
  EXPECT_TRUE(ring_->check(state_));
}

TEST_F(KeyRingTest, SealedSecretsCannotChangePlaces) {
  make_key(1);
  make_key(2);
  auto& keys = state_.access_keys;
  std::swap(keys.at(vpc::access_key_id(1)), keys.at(vpc::access_key_id(2)));
  EXPECT_EQ(ring_->check(state_).error().code, "KeyFile");
  EXPECT_EQ(ring_->find(state_, vpc::access_key_id(1), kScope).error().code, "KeyFile");
}

TEST_F(KeyRingTest, AnotherKeyFileOpensNothing) {
  make_key(1);
  const KeyRing other(Sealer::open(folder_ + "/other.key", false).value());
  EXPECT_EQ(other.check(state_).error().code, "KeyFile");
}

}  // namespace
}  // namespace caisson::netd::accounts
