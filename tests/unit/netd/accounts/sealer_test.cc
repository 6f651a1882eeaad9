#include "netd/accounts/sealer.hh"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace caisson::netd::accounts {
namespace {

class SealerTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/caisson-sealer-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    path_ = folder_ + "/sealing.key";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string message(bool something_is_sealed = true) const {
    const auto opened = Sealer::open(path_, something_is_sealed);
    return opened ? "" : opened.error().message;
  }
  void expect_refusal(const std::string& part) const {
    EXPECT_NE(message().find(part), std::string::npos) << message();
    EXPECT_NE(message().find(path_), std::string::npos) << message();
  }

  std::string folder_;
  std::string path_;
};

TEST_F(SealerTest, MakesTheKeyFileOnce) {
  ASSERT_TRUE(Sealer::open(path_, false));
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  EXPECT_EQ(status.st_size, 32);
  const auto first = Sealer::open(path_, true);
  const auto sealed = first.value().seal("a secret", "a/b");
  ASSERT_TRUE(sealed);
  const auto second = Sealer::open(path_, true);
  const auto opened = second.value().unseal(sealed.value(), "a/b");
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened.value(), "a secret");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(SealerTest, AnInterruptedFirstStartIsNoObstacle) {
  std::ofstream(path_ + ".new") << "half";
  ASSERT_TRUE(Sealer::open(path_, false));
  EXPECT_EQ(message(), "");
}

TEST_F(SealerTest, RefusesAMissingKeyFileWhenSecretsAreSealedWithIt) {
  expect_refusal("is missing");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SealerTest, RefusesAKeyFileThatOthersMayRead) {
  ASSERT_TRUE(Sealer::open(path_, false));
  for (const unsigned mode : {0640U, 0604U, 0660U, 0700U, 0400U}) {
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    expect_refusal("must have 0600");
  }
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  EXPECT_EQ(message(), "");
}

TEST_F(SealerTest, RefusesAKeyFileOfAnotherUser) {
  ASSERT_TRUE(Sealer::open(path_, false));
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(path_.c_str(), 1, 1), 0);
    expect_refusal("belongs to user 1");
  } else {
    // Who is not root cannot give a file away, but root's are there to be looked at.
    EXPECT_FALSE(Sealer::open("/etc/hostname", true));
  }
}

TEST_F(SealerTest, RefusesWhatIsNoKeyFile) {
  std::ofstream(path_) << "short";
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  expect_refusal("not a file of 32 bytes");
  std::filesystem::rename(path_, path_ + ".other");
  std::filesystem::create_symlink(path_ + ".other", path_);
  expect_refusal("symbolic link");
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  expect_refusal("not a file of 32 bytes");
}

TEST_F(SealerTest, OpensOnlyWhatItSealedForTheSameOwner) {
  const auto sealer = Sealer::open(path_, false);
  const auto sealed = sealer.value().seal("a secret", "a/b");
  EXPECT_NE(sealed.value(), sealer.value().seal("a secret", "a/b").value()) << "a nonce was used twice";
  EXPECT_EQ(sealed.value().find("a secret"), std::string::npos);
  EXPECT_FALSE(sealer.value().unseal(sealed.value(), "a/c"));
  for (std::size_t i = 0; i < sealed.value().size(); ++i) {
    std::string changed = sealed.value();
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_FALSE(sealer.value().unseal(changed, "a/b")) << i;
  }
  for (const std::string& damaged :
       {std::string(), std::string("00"), std::string("zz"), sealed.value().substr(2)}) {
    EXPECT_FALSE(sealer.value().unseal(damaged, "a/b")) << damaged;
  }
  const auto other = Sealer::open(folder_ + "/other.key", false);
  EXPECT_FALSE(other.value().unseal(sealed.value(), "a/b"));
}

TEST(Secret, HasFortyRandomCharacters) {
  const auto secret = make_secret();
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret.value().size(), 40U);
  EXPECT_NE(secret.value(), make_secret().value());
}

}  // namespace
}  // namespace caisson::netd::accounts
