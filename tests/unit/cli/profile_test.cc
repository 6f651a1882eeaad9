#include "cli/profile.hh"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace caisson::cli {
namespace {

TEST(Section, IsAddedOrChangedInPlace) {
  const Entries entries{{"a", "1"}, {"b", "2"}};
  const struct {
    const char* before;
    const char* after;
  } cases[] = {
      {"", "[x]\na = 1\nb = 2\n"},
      {"[y]\na = 9\n", "[y]\na = 9\n\n[x]\na = 1\nb = 2\n"},
      {"[y]\na = 9", "[y]\na = 9\n\n[x]\na = 1\nb = 2\n"},
      {"# mine\n[x]\na=9\nc = 3\n\n[y]\nb = 9\n", "# mine\n[x]\na = 1\nb = 2\nc = 3\n\n[y]\nb = 9\n"},
      {" [x] \n b = 9\n", " [x] \na = 1\nb = 2\n"},
      {"[xx]\na = 9\n", "[xx]\na = 9\n\n[x]\na = 1\nb = 2\n"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(with_section(c.before, "x", entries), c.after) << c.before;
    EXPECT_EQ(with_section(c.after, "x", entries), c.after) << c.before;
  }
}

TEST(Section, GoesWhenNothingElseIsInIt) {
  EXPECT_EQ(without_section("[y]\na = 1\n[x]\na = 1\nb = 2\n", "x", {"a", "b"}), "[y]\na = 1\n");
  EXPECT_EQ(without_section("[x]\na = 1\nc = 2\n", "x", {"a", "b"}), "[x]\nc = 2\n");
  EXPECT_EQ(without_section("[y]\na = 1\n", "x", {"a"}), "[y]\na = 1\n");
}

class ProfileTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/caisson-profile-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static std::string text(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream read;
    read << file.rdbuf();
    return read.str();
  }
  std::string folder_;
};

TEST_F(ProfileTest, IsWrittenForItsOwnerAlone) {
  const ProfileFiles files{.credentials = folder_ + "/aws/credentials", .config = folder_ + "/aws/config"};
  ASSERT_TRUE(write_profile(files, {"shop", "AKIA1", "secret", "us-east-1"}));
  EXPECT_EQ(text(files.credentials), "[shop]\naws_access_key_id = AKIA1\naws_secret_access_key = secret\n");
  EXPECT_EQ(text(files.config), "[profile shop]\nregion = us-east-1\n");
  struct stat status {};
  ASSERT_EQ(::stat(files.credentials.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  ASSERT_TRUE(write_profile(files, {"default", "AKIA2", "other", "us-east-1"}));
  EXPECT_NE(text(files.config).find("[default]\n"), std::string::npos);
  const auto read = read_profile(files, "shop");
  ASSERT_TRUE(read);
  EXPECT_EQ(read.value().secret_access_key, "secret");
  EXPECT_EQ(read.value().region, "us-east-1");
  ASSERT_TRUE(remove_profile(files, "shop"));
  EXPECT_FALSE(read_profile(files, "shop"));
  EXPECT_TRUE(read_profile(files, "default"));
  EXPECT_TRUE(remove_profile(files, "never"));
}

TEST_F(ProfileTest, OneFileHasAll) {
  const auto files = profile_files(folder_ + "/one");
  ASSERT_TRUE(files);
  ASSERT_TRUE(write_profile(files.value(), {"shop", "AKIA1", "secret", "eu-west-1"}));
  EXPECT_EQ(text(folder_ + "/one"),
            "[shop]\naws_access_key_id = AKIA1\naws_secret_access_key = secret\nregion = eu-west-1\n");
  EXPECT_EQ(read_profile(files.value(), "shop").value().region, "eu-west-1");
}

TEST_F(ProfileTest, ASymbolicLinkStaysOne) {
  std::ofstream(folder_ + "/real") << "[y]\na = 1\n";
  std::filesystem::create_symlink(folder_ + "/real", folder_ + "/link");
  const ProfileFiles files{.credentials = folder_ + "/link", .config = folder_ + "/link"};
  ASSERT_TRUE(write_profile(files, {"shop", "A", "s", "r"}));
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ + "/link"));
  EXPECT_NE(text(folder_ + "/real").find("[y]"), std::string::npos);
  EXPECT_NE(text(folder_ + "/real").find("[shop]"), std::string::npos);
}

TEST_F(ProfileTest, AFileThatCannotBeReadIsLeftAlone) {
  constexpr unsigned kNobody = 65534;
  const std::string path = folder_ + "/credentials";
  std::ofstream(path) << "[y]\na = 1\n";
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  if (root) {
    ASSERT_EQ(::chown(folder_.c_str(), kNobody, kNobody), 0);
    ASSERT_EQ(::seteuid(kNobody), 0);
  }
  const auto written = write_profile({.credentials = path, .config = path}, {"shop", "A", "s", "r"});
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_FALSE(written);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(text(path), "[y]\na = 1\n");
}

TEST_F(ProfileTest, AFileOfSomebodyElseStaysTheirs) {
  if (::geteuid() != 0) return;  // nobody else could make one
  const std::string path = folder_ + "/credentials";
  std::ofstream(path) << "[y]\na = 1\n";
  ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
  ASSERT_TRUE(write_profile({.credentials = path, .config = path}, {"shop", "A", "s", "r"}));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 65534U);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(ProfileTest, FilesAreWhereTheAwsCliLooksForThem) {
  ::setenv("HOME", "/home/me", 1);
  ::unsetenv("AWS_SHARED_CREDENTIALS_FILE");
  ::unsetenv("AWS_CONFIG_FILE");
  EXPECT_EQ(profile_files("").value().credentials, "/home/me/.aws/credentials");
  EXPECT_EQ(profile_files("").value().config, "/home/me/.aws/config");
  ::setenv("AWS_SHARED_CREDENTIALS_FILE", "/c", 1);
  ::setenv("AWS_CONFIG_FILE", "/f", 1);
  EXPECT_EQ(profile_files("").value().credentials, "/c");
  EXPECT_EQ(profile_files("").value().config, "/f");
  ::unsetenv("AWS_CONFIG_FILE");
  ::unsetenv("HOME");
  EXPECT_EQ(profile_files("").error().code, "Usage");
}

}  // namespace
}  // namespace caisson::cli
