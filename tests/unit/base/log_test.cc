#include "base/log.hh"

#include <gmock/gmock.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "base/request_scope.hh"

namespace caisson::log {
namespace {

using Json = nlohmann::json;
using std::chrono::microseconds;

Line line(std::string_view message) {
  return {.time = std::chrono::system_clock::time_point(microseconds(1'700'000'000'000'042)),
          .level = "info",
          .program = "netd",
          .thread = 7,
          .request_id = "3f2b",
          .message = message};
}

TEST(Log, JsonHasAllMembers) {
  EXPECT_EQ(Json::parse(format_line(Format::kJson, line("ready"), false)),
            Json({{"time", "2023-11-14T22:13:20.000042Z"},
                  {"level", "info"},
                  {"program", "netd"},
                  {"thread", 7},
                  {"request_id", "3f2b"},
                  {"message", "ready"}}));
}

TEST(Log, JsonHasNoRequestWhereThereIsNone) {
  Line plain = line("ready");
  plain.request_id = "";
  EXPECT_FALSE(Json::parse(format_line(Format::kJson, plain, false)).contains("request_id"));
}

TEST(Log, JsonIsOneLineWhateverTheMessageHolds) {
  for (const std::string message :
       {"two\nlines", "a \"quote\" and a \\", "not UTF-8: \xff\xfe", "\x1b[31m"}) {
    const std::string text = format_line(Format::kJson, line(message), false);
    EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
    EXPECT_TRUE(Json::accept(text)) << text;
  }
}

TEST(Log, TextIsOneLineWithoutControlCharacters) {
  EXPECT_EQ(format_line(Format::kText, line("two\nlines\x1b[31m"), false),
            "[2023-11-14T22:13:20.000042Z] [netd] [info] [3f2b] two lines [31m\n");
}

TEST(Log, TheJournalGetsThePriorityInFront) {
  Line failed = line("broken");
  failed.level = "error";
  failed.priority = 3;
  EXPECT_EQ(format_line(Format::kText, failed, true), "<3>[error] [3f2b] broken\n");
  EXPECT_TRUE(format_line(Format::kJson, failed, true).starts_with("<3>{\"time\""));
}

TEST(Log, RefusesUnknownFormatsAndLevels) {
  EXPECT_EQ(set_up({.program = "test", .format = "xml"}).error().code, "BadOption");
  EXPECT_EQ(set_up({.program = "test", .level = "loud"}).error().code, "BadOption");
}

TEST(Log, WhatIsLoggedBearsTheRequestOfItsThread) {
  ASSERT_TRUE(set_up({.program = "test", .format = "json", .level = "info"}));
  testing::internal::CaptureStderr();
  {
    const RequestScope scope("0c1d");
    spdlog::info("made {}", "subnet-1");
    spdlog::debug("not shown");
  }
  spdlog::warn("outside");
  const std::string text = testing::internal::GetCapturedStderr();
  const auto end = text.find('\n');
  const Json first = Json::parse(text.substr(0, end));
  const Json second = Json::parse(text.substr(end + 1));
  EXPECT_EQ(first.at("request_id"), "0c1d");
  EXPECT_EQ(first.at("message"), "made subnet-1");
  EXPECT_EQ(first.at("program"), "test");
  EXPECT_EQ(second.at("level"), "warning");
  EXPECT_FALSE(second.contains("request_id"));
}

}  // namespace
}  // namespace caisson::log
