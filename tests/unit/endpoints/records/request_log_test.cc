#include "endpoints/records/request_log.hh"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "endpoints/records/files.hh"
#include "endpoints/records/request_line.hh"

namespace caisson::endpoints {
namespace {

namespace fs = std::filesystem;

class RequestLogs : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/caisson-requests-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(unsigned number) const { return folder_ + "/" + requests_file(number); }
  [[nodiscard]] std::string text(unsigned number) const {
    std::ostringstream text;
    text << std::ifstream(path(number)).rdbuf();
    return text.str();
  }
  RequestLog open(RequestLogLimits limits = {}) const {
    auto log = RequestLog::open(folder_, limits);
    EXPECT_TRUE(log) << log.error().text();
    return std::move(log).value();
  }

  std::string folder_;
};

Record record(unsigned status) {
  return {.account = "111122223333", .status = status};
}

std::string line(unsigned status) {
  return request_line(record(status));
}

TEST_F(RequestLogs, AppendsToWhatIsThere) {
  open().write(record(200));
  auto log = open();
  log.write(record(404));
  EXPECT_EQ(text(0), line(200) + line(404));
  EXPECT_EQ(log.stats().written, 1U);
  struct stat status {};
  ASSERT_EQ(::stat(path(0).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(RequestLogs, KeepsSoManyOldFiles) {
  auto log = open({.file_bytes = 2 * line(200).size(), .old_files = 2});
  for (unsigned status = 200; status < 209; ++status)
    log.write(record(status));
  EXPECT_EQ(text(0), line(208));
  EXPECT_EQ(text(1), line(206) + line(207));
  EXPECT_EQ(text(2), line(204) + line(205));
  EXPECT_FALSE(fs::exists(path(3)));
  EXPECT_EQ(log.stats().written, 9U);
  EXPECT_EQ(log.stats().lost, 0U);
}

TEST_F(RequestLogs, ALineThatIsLongerThanAFileIsWritten) {
  auto log = open({.file_bytes = 10, .old_files = 1});
  log.write(record(200));
  log.write(record(201));
  EXPECT_EQ(text(0), line(201));
  EXPECT_EQ(text(1), line(200));
}

TEST_F(RequestLogs, FilesBeyondALowerLimitGo) {
  for (const char* name :
       {"requests.jsonl.2", "requests.jsonl.9", "requests.jsonl.09", "requests.jsonl.x", "other.9"})
    std::ofstream(folder_ + "/" + name) << "\n";
  open({.old_files = 2});
  EXPECT_TRUE(fs::exists(path(2)));
  EXPECT_FALSE(fs::exists(path(9)));
  for (const char* name : {"requests.jsonl.09", "requests.jsonl.x", "other.9"})
    EXPECT_TRUE(fs::exists(folder_ + "/" + name)) << name;
}

TEST_F(RequestLogs, ALineThatWasNotFinishedStaysAlone) {
  std::ofstream(path(0)) << line(200) << R"({"Time":"20)";
  auto log = open();
  log.write(record(201));
  EXPECT_EQ(text(0), line(200) + "{\"Time\":\"20\n" + line(201));
}

TEST_F(RequestLogs, WhatTheDiskDoesNotTakeIsCountedAndTheNextOneIsWritten) {
  auto log = open();
  log.write(record(200));
  // A file of at most this size stands for a disk that is full: a part of the line is written.
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit full{.rlim_cur = line(200).size() + 5, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  log.write(record(201));
  log.write(record(202));
  const auto stats = log.stats();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)std::signal(SIGXFSZ, handler);
  EXPECT_EQ(stats.lost, 2U);
  EXPECT_TRUE(stats.failing);
  log.write(record(203));
  EXPECT_EQ(text(0), line(200) + line(201).substr(0, 5) + "\n" + line(203));
  EXPECT_EQ(log.stats().written, 2U);
  EXPECT_EQ(log.stats().lost, 2U);
  EXPECT_FALSE(log.stats().failing);
}

TEST_F(RequestLogs, TheFolderMayBeMovedAndMustBeThere) {
  auto log = open({.file_bytes = 10, .old_files = 1});
  const std::string moved = folder_ + "-moved";
  fs::rename(folder_, moved);
  log.write(record(200));
  log.write(record(201));
  EXPECT_EQ(log.stats().lost, 0U);
  EXPECT_TRUE(fs::exists(moved + "/requests.jsonl.1"));
  EXPECT_EQ(RequestLog::open(folder_).error().code, "ENOENT");
  fs::rename(moved, folder_);
}

TEST_F(RequestLogs, FollowsNoLink) {
  fs::create_symlink("/dev/null", path(0));
  EXPECT_EQ(RequestLog::open(folder_).error().code, "ELOOP");
}

}  // namespace
}  // namespace caisson::endpoints
