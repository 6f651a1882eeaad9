#include "runner/functions/code_store.hh"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/hex.hh"

namespace caisson::runner {
namespace {

struct ZipEntry {
  std::string path;
  std::string content;
  unsigned type = AE_IFREG;
  std::string target;
};

std::string make_zip(const std::vector<ZipEntry>& entries) {
  std::string buffer(64UL * 1024 * 1024, '\0');
  std::size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_set_format_zip(writer);
  archive_write_open_memory(writer, buffer.data(), buffer.size(), &used);
  for (const ZipEntry& one : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, one.path.c_str());
    archive_entry_set_filetype(entry, one.type);
    archive_entry_set_perm(entry, 0644);
    if (one.type == AE_IFLNK) archive_entry_set_symlink(entry, one.target.c_str());
    if (one.type == AE_IFREG) archive_entry_set_size(entry, static_cast<la_int64_t>(one.content.size()));
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK);
    if (one.type == AE_IFREG) archive_write_data(writer, one.content.data(), one.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  buffer.resize(used);
  return buffer;
}

class CodeStoreTest : public testing::Test {
 protected:
  CodeStoreTest() : folder_(std::filesystem::temp_directory_path() / ("caisson-code-" + random_hex())) {}
  ~CodeStoreTest() override { std::filesystem::remove_all(folder_); }

  CodeStore open(std::uint64_t limit = 1024 * 1024) {
    auto store = CodeStore::open(folder_, {.unzip = CAISSON_UNZIP, .max_unzipped_bytes = limit});
    EXPECT_TRUE(store);
    return store.value();
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }
  Error refusal(const std::string& zip) {
    const auto package = open().take(zip);
    EXPECT_FALSE(package);
    EXPECT_EQ(files(), 0U);
    return package ? Error{} : package.error();
  }

  std::filesystem::path folder_;
};

TEST_F(CodeStoreTest, AZipBecomesASquashfs) {
  const CodeStore store = open();
  const auto package = store.take(make_zip({{"app.py", "print(1)\n"},
                                            {"lib", "", AE_IFDIR, ""},
                                            {"lib/x.py", "x = 1\n"},
                                            {"link", "", AE_IFLNK, "lib/x.py"}}));
  ASSERT_TRUE(package) << package.error().text();
  std::ifstream file(store.path(package.value().file), std::ios::binary);
  std::string magic(4, '\0');
  file.read(magic.data(), 4);
  EXPECT_EQ(magic, "hsqs");
  struct stat status {};
  ASSERT_EQ(::stat(store.path(package.value().file).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0444U);
  EXPECT_EQ(files(), 1U);
}

TEST_F(CodeStoreTest, TheHashIsThatOfTheArchive) {
  const std::string zip = make_zip({{"a", "a"}});
  const CodeStore store = open();
  const auto first = store.take(zip);
  const auto second = store.take(zip);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first.value().sha256, second.value().sha256);
  EXPECT_EQ(first.value().sha256.size(), 44U);
  EXPECT_EQ(first.value().bytes, zip.size());
  EXPECT_NE(first.value().file, second.value().file);
}

TEST_F(CodeStoreTest, WhatIsNoZipIsRefused) {
  const std::string message =
      "Could not unzip uploaded file. Please check your file, then try to upload again.";
  const std::string whole = make_zip({{"a", std::string(10'000, 'a')}});
  for (const std::string& bytes : {std::string("no zip"), std::string("PK\x03\x04 and then nothing of use"),
                                   whole.substr(0, whole.size() - 30)}) {
    const Error error = refusal(bytes);
    EXPECT_EQ(error.code, "InvalidParameterValueException");
    EXPECT_EQ(error.message, message);
  }
}

TEST_F(CodeStoreTest, PathsThatLeaveTheFolderAreRefused) {
  for (const char* path : {"/etc/passwd", "../x", "a/../../x"}) {
    const Error error = refusal(make_zip({{"ok.py", "1"}, {path, "x"}}));
    EXPECT_EQ(error.code, "InvalidParameterValueException") << path;
    EXPECT_NE(error.message.find("outside"), std::string::npos) << error.message;
  }
  const Error link = refusal(make_zip({{"l", "", AE_IFLNK, "/etc/passwd"}}));
  EXPECT_NE(link.message.find("points outside"), std::string::npos) << link.message;
}

TEST_F(CodeStoreTest, ANameOfAFileAndOfAFolderIsRefused) {
  for (const auto& zip : {make_zip({{"a", "1"}, {"a/b", "2"}}), make_zip({{"a/b", "1"}, {"a", "2"}})}) {
    const Error error = refusal(zip);
    EXPECT_EQ(error.code, "InvalidParameterValueException");
    EXPECT_NE(error.message.find("as a file and as a folder"), std::string::npos) << error.message;
  }
}

TEST_F(CodeStoreTest, TooMuchWhenUnpackedIsRefused) {
  const Error error = refusal(make_zip({{"zeros", std::string(2 * 1024 * 1024, '\0')}}));
  EXPECT_EQ(error.message, "Unzipped size must be smaller than 1048576 bytes");
  EXPECT_EQ(refusal(make_zip({})).code, "InvalidParameterValueException");
}

TEST_F(CodeStoreTest, PruneDeletesWhatNoFunctionHas) {
  const CodeStore store = open();
  const auto package = store.take(make_zip({{"a", "a"}}));
  ASSERT_TRUE(package);
  std::ofstream(folder_ / "left.squashfs.tmp") << "x";
  std::ofstream(folder_ / "unknown.squashfs") << "x";
  const auto pruned = store.prune({package.value().file});
  ASSERT_TRUE(pruned);
  EXPECT_EQ(pruned.value(), 2);
  EXPECT_EQ(files(), 1U);
}

}  // namespace
}  // namespace caisson::runner
