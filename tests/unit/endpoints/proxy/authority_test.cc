#include "endpoints/proxy/authority.hh"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace caisson::endpoints {
namespace {

class AuthorityTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/caisson-authority-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }
  /// What openssl's own program says of the certificate `leaf` for `host`.
  [[nodiscard]] bool accepts(const Certificate& authority, const Certificate& leaf,
                             const std::string& host) const {
    write("root.pem", authority.certificate);
    write("leaf.pem", leaf.certificate);
    const std::string command = "openssl verify -purpose sslserver -CAfile " + folder_ +
                                "/root.pem -verify_hostname " + host + " " + folder_ +
                                "/leaf.pem >/dev/null 2>&1";
    return std::system(command.c_str()) == 0;
  }

  std::string folder_;
};

TEST_F(AuthorityTest, IsMadeOnceAndItsKeyIsOurs) {
  const auto first = open_authority(folder_);
  ASSERT_TRUE(first) << first.error().text();
  struct stat status {};
  ASSERT_EQ(::stat((folder_ + "/ca.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  const auto second = open_authority(folder_);
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(second.value().certificate, first.value().certificate);
  EXPECT_EQ(second.value().key, first.value().key);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 2);
}

TEST_F(AuthorityTest, ItsCertificatesAreGoodForTheirNamesAlone) {
  const auto authority = open_authority(folder_).value();
  const auto leaf = issue(authority, {"s3.us-east-1.amazonaws.com", "*.s3.us-east-1.amazonaws.com"});
  ASSERT_TRUE(leaf) << leaf.error().text();
  EXPECT_TRUE(accepts(authority, leaf.value(), "s3.us-east-1.amazonaws.com"));
  EXPECT_TRUE(accepts(authority, leaf.value(), "photos.s3.us-east-1.amazonaws.com"));
  EXPECT_FALSE(accepts(authority, leaf.value(), "dynamodb.us-east-1.amazonaws.com"));
  EXPECT_FALSE(accepts(authority, leaf.value(), "a.b.s3.us-east-1.amazonaws.com"));
  std::filesystem::create_directory(folder_ + "/other");
  EXPECT_FALSE(
      accepts(open_authority(folder_ + "/other").value(), leaf.value(), "s3.us-east-1.amazonaws.com"));
}

TEST_F(AuthorityTest, RefusesAKeyThatOthersCanReadOrThatIsAnothers) {
  ASSERT_TRUE(open_authority(folder_));
  ASSERT_EQ(::chmod((folder_ + "/ca.key").c_str(), 0644), 0);
  EXPECT_EQ(open_authority(folder_).error().code, "CertificateAuthority");
  ASSERT_EQ(::chmod((folder_ + "/ca.key").c_str(), 0600), 0);
  EXPECT_TRUE(open_authority(folder_));
  std::filesystem::create_directory(folder_ + "/other");
  write("ca.key", open_authority(folder_ + "/other").value().key);
  EXPECT_EQ(open_authority(folder_).error().code, "CertificateAuthority");
  std::filesystem::remove(folder_ + "/ca.key");
  EXPECT_EQ(open_authority(folder_).error().code, "ENOENT");
}

}  // namespace
}  // namespace caisson::endpoints
