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

constexpr std::int64_t kNow = 1'800'000'000;

TEST_F(KeyRingTest, ATokenSaysWhoseSessionItIs) {
  const auto made = ring_->mint(state_, account_, "resize", kNow, 900);
  ASSERT_TRUE(made) << made.error().text();
  const auto& id = made.value().session.access_key_id;
  EXPECT_EQ(id.size(), 20U);
  EXPECT_TRUE(id.starts_with("ASIA"));
  EXPECT_EQ(made.value().session.expires, kNow + 900);
  EXPECT_EQ(made.value().secret.size(), 40U);
  EXPECT_EQ(made.value().token.find(made.value().secret), std::string::npos);
  const auto found = ring_->find_session(state_, id, made.value().token, kScope, kNow + 899);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found.value().session.account, account_);
  EXPECT_EQ(found.value().session.function, "resize");
  EXPECT_EQ(found.value().session.access_key_id, id);
  EXPECT_EQ(found.value().session.expires, kNow + 900);
  EXPECT_EQ(found.value().key.bytes(), sigv4::SigningKey::derive(made.value().secret, kScope).bytes());
}

TEST_F(KeyRingTest, NoTwoSessionsAreAlikeAndNoneIsWithoutEnd) {
  const auto one = ring_->mint(state_, account_, "f", kNow, 1'000'000'000).value();
  const auto two = ring_->mint(state_, account_, "f", kNow, 900).value();
  EXPECT_EQ(one.session.expires, kNow + kLongestSessionSeconds);
  EXPECT_NE(one.session.access_key_id, two.session.access_key_id);
  EXPECT_NE(one.secret, two.secret);
  EXPECT_EQ(ring_->mint(state_, {"999999999999"}, "f", kNow, 900).error().code, "NoSuchEntity");
}

TEST_F(KeyRingTest, OtherTokensAreNone) {
  const auto one = ring_->mint(state_, account_, "f", kNow, 900).value();
  const auto two = ring_->mint(state_, account_, "f", kNow, 900).value();
  const auto code = [&](const KeyRing& ring, const std::string& id, const std::string& token,
                        std::int64_t now) {
    const auto found = ring.find_session(state_, id, token, kScope, now);
    return found ? "" : found.error().code;
  };
  EXPECT_EQ(code(*ring_, one.session.access_key_id, one.token, kNow), "");
  EXPECT_EQ(code(*ring_, one.session.access_key_id, one.token, kNow + 900), "ExpiredToken");
  // Another session's, a changed one, a text of another kind, none, another netd's.
  EXPECT_EQ(code(*ring_, one.session.access_key_id, two.token, kNow), "InvalidClientTokenId");
  for (const std::size_t at : {std::size_t{0}, one.token.size() / 2, one.token.size() - 1}) {
    std::string changed = one.token;
    changed[at] = changed[at] == '0' ? '1' : '0';
    EXPECT_EQ(code(*ring_, one.session.access_key_id, changed, kNow), "InvalidClientTokenId") << at;
  }
  make_key(1);
  const auto& sealed = state_.access_keys.begin()->second->sealed_secret;
  EXPECT_EQ(code(*ring_, vpc::access_key_id(1), sealed, kNow), "InvalidClientTokenId");
  EXPECT_EQ(code(*ring_, one.session.access_key_id, "", kNow), "InvalidClientTokenId");
  EXPECT_EQ(code(*ring_, one.session.access_key_id, "no digits", kNow), "InvalidClientTokenId");
  const KeyRing other(Sealer::open(folder_ + "/other.key", false).value());
  EXPECT_EQ(code(other, one.session.access_key_id, one.token, kNow), "InvalidClientTokenId");
}

TEST_F(KeyRingTest, ASessionEndsWithItsAccount) {
  const vpc::AccountId shop{"111122223333"};
  const auto with_shop = vpc::apply(
      state_, {.account = account_, .seed = 1, .time = "t", .command = vpc::CreateAccount{"shop", shop}});
  ASSERT_TRUE(with_shop) << with_shop.error().text();
  const auto made = ring_->mint(with_shop.value().state, shop, "f", kNow, 900);
  ASSERT_TRUE(made) << made.error().text();
  const auto code = [&](const vpc::State& state) {
    const auto found =
        ring_->find_session(state, made.value().session.access_key_id, made.value().token, kScope, kNow);
    return found ? found.value().session.account.text : found.error().code;
  };
  EXPECT_EQ(code(with_shop.value().state), "111122223333");
  EXPECT_EQ(code(state_), "InvalidClientTokenId");
}

}  // namespace
}  // namespace caisson::netd::accounts
