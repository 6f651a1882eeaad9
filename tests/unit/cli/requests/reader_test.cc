#include "cli/requests/reader.hh"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "endpoints/records/files.hh"
#include "endpoints/records/request_log.hh"

namespace caisson::cli {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

class RequestReaders : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/caisson-reader-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void append(unsigned number, const std::string& text) const {
    std::ofstream(path(number), std::ios::app) << text;
  }
  [[nodiscard]] std::string path(unsigned number) const {
    return folder_ + "/" + endpoints::requests_file(number);
  }
  void rotate(unsigned old_files) const {
    fs::remove(path(old_files));
    for (unsigned number = old_files; number > 0; --number) {
      if (fs::exists(path(number - 1))) fs::rename(path(number - 1), path(number));
    }
  }
  RequestReader open() const {
    auto reader = RequestReader::open(folder_);
    EXPECT_TRUE(reader) << reader.error().text();
    return std::move(reader).value();
  }
  static Lines read(RequestReader& reader) {
    Lines lines;
    const Status done = reader.read([&](std::string_view line) { lines.emplace_back(line); });
    EXPECT_TRUE(done) << done.error().text();
    return lines;
  }

  std::string folder_;
};

TEST_F(RequestReaders, ReadsTheOldestFirst) {
  append(10, "a\n");
  append(2, "b\nc\n");
  append(1, "d\n");
  append(0, "e\n");
  std::ofstream(folder_ + "/requests.jsonl.bak") << "other\n";
  auto reader = open();
  EXPECT_EQ(read(reader), (Lines{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(read(reader), Lines{});
}

TEST_F(RequestReaders, ReadsALineWhenItIsWhole) {
  auto reader = open();
  EXPECT_EQ(read(reader), Lines{});
  append(0, "one\ntw");
  EXPECT_EQ(read(reader), Lines{"one"});
  append(0, "o\n\nthree\n");
  EXPECT_EQ(read(reader), (Lines{"two", "three"}));
  const std::string large(200'000, 'x');
  append(0, large + "\n");
  EXPECT_EQ(read(reader), Lines{large});
}

TEST_F(RequestReaders, FollowsFilesThatAreRenamedAndRemoved) {
  append(0, "a\n");
  auto reader = open();
  EXPECT_EQ(read(reader), Lines{"a"});
  append(0, "b\n");
  rotate(2);
  append(0, "c\n");
  rotate(2);
  append(0, "d\n");
  EXPECT_EQ(read(reader), (Lines{"b", "c", "d"}));
  append(0, "e\n");
  for (int turn = 0; turn < 4; ++turn) {
    rotate(2);
    append(0, std::string(1, static_cast<char>('f' + turn)) + "\n");
  }
  // Its own is read to the end, though it is gone; "f" was gone before it was looked for.
  EXPECT_EQ(read(reader), (Lines{"e", "g", "h", "i"}));
}

TEST_F(RequestReaders, NoLineIsMissedWhileTheLogGoesOn) {
  constexpr unsigned kRecords = 6000;
  // More files than are written: what is missing was missed.
  auto log = endpoints::RequestLog::open(folder_, {.file_bytes = 20'000, .old_files = 400});
  ASSERT_TRUE(log) << log.error().text();
  auto reader = open();
  std::atomic<unsigned> came = 0;
  std::thread following([&] {
    while (came < kRecords) {
      const Status done = reader.read([&](std::string_view line) {
        const std::string wanted = "\"Status\":" + std::to_string(came) + ",";
        EXPECT_NE(line.find(wanted), std::string::npos) << wanted << " " << line;
        ++came;
      });
      ASSERT_TRUE(done) << done.error().text();
      if (came < kRecords) {
        ASSERT_TRUE(reader.wait());
      }
    }
  });
  for (unsigned status = 0; status < kRecords; ++status)
    log.value().write({.status = status});
  following.join();
  EXPECT_EQ(came, kRecords);
  EXPECT_EQ(log.value().stats().lost, 0U);
}

TEST_F(RequestReaders, NamesTheFolderThatIsNotThere) {
  const auto reader = RequestReader::open("/nonexistent");
  EXPECT_EQ(reader.error().code, "ENOENT");
  EXPECT_NE(reader.error().message.find("/nonexistent"), std::string::npos);
}

}  // namespace
}  // namespace caisson::cli
