#include "endpoints/backends.hh"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace caisson::endpoints {
namespace {

std::string row(const std::string& account, const std::string& url, const std::string& service = "s3") {
  return R"({"Service": ")" + service + R"(", "Account": ")" + account + R"(", "Url": ")" + url +
         R"(", "AccessKeyId": "K", "SecretAccessKey": "S"})";
}

std::string file(const std::string& rows) {
  return R"({"Backends": [)" + rows + "]}";
}

TEST(ParseBackends, EachAccountHasItsOwn) {
  const auto table =
      parse_backends(file(row("1", "http://127.0.0.1:4568") + "," + row("2", "http://127.0.0.1:4569") + "," +
                          row("1", "http://127.0.0.1:4568", "dynamodb")))
          .value();
  ASSERT_EQ(table.size(), 3U);
  const auto& backend = table.at({"s3", "2"});
  EXPECT_EQ(backend.address, "127.0.0.1");
  EXPECT_EQ(backend.port, 4569);
  EXPECT_EQ(backend.credentials.access_key_id, "K");
  EXPECT_EQ(backend.credentials.secret_access_key, "S");
  EXPECT_EQ(parse_backends(file("")).value().size(), 0U);
}

TEST(ParseBackends, RefusesWhatIsNotClear) {
  const auto message = [](const std::string& text) {
    const auto table = parse_backends(text);
    EXPECT_FALSE(table) << text;
    return table ? "" : table.error().message;
  };
  for (const char* url : {"127.0.0.1:80", "https://127.0.0.1:80", "http://127.0.0.1", "http://127.0.0.1:0",
                          "http://127.0.0.1:65536", "http://127.0.0.1:80/", "http://host:80", "http://:80"}) {
    EXPECT_NE(message(file(row("1", url))).find(url), std::string::npos);
  }
  EXPECT_NE(
      message(file(row("1", "http://127.0.0.1:80") + "," + row("1", "http://127.0.0.1:81"))).find("s3 of 1"),
      std::string::npos);
  // Its data would be shared.
  EXPECT_NE(message(file(row("1", "http://127.0.0.1:80") + "," + row("2", "http://127.0.0.1:80")))
                .find("two accounts"),
            std::string::npos);
  for (const char* text : {"", "{}", "[]", R"({"Backends": {}})", R"({"Backends": [], "More": 1})",
                           R"({"Backends": [5]})", R"({"Backends": [{"Service": "s3"}]})"}) {
    message(text);
  }
  std::string other = row("1", "http://127.0.0.1:80");
  other.replace(other.find("\"K\""), 3, "5");
  EXPECT_NE(message(file(other)).find("AccessKeyId"), std::string::npos);
}

class File : public testing::Test {
 protected:
  ~File() override { std::filesystem::remove(path); }

  void write(const std::string& text) const {
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
  }

  const std::string path = testing::TempDir() + "caisson-backends-" + std::to_string(::getpid());
};

TEST_F(File, IsReadAnewWhenItHasChanged) {
  Backends backends(path);
  EXPECT_EQ(backends.find("s3", "1").error().code, "ServiceUnavailable") << "there is none yet";
  write(file(row("1", "http://127.0.0.1:80")));
  EXPECT_EQ(backends.find("s3", "1").value().port, 80);
  EXPECT_EQ(backends.find("s3", "2").error().code, "ServiceUnavailable");
  write(file(row("1", "http://127.0.0.1:81")));
  EXPECT_EQ(backends.find("s3", "1").value().port, 81);
  write("half");
  EXPECT_EQ(backends.find("s3", "1").value().port, 81) << "what can't be read changes nothing";
  EXPECT_EQ(Backends("").find("s3", "1").error().code, "ServiceUnavailable");
}

TEST_F(File, WhatIsNotHealthyIsNotThere) {
  write(file(row("1", "http://127.0.0.1:80") + "," + row("2", "http://127.0.0.1:81")));
  Backends backends(path);
  EXPECT_EQ(backends.all().size(), 2U);
  backends.set_health({"s3", "1"}, false);
  EXPECT_EQ(backends.find("s3", "1").error().code, "ServiceUnavailable");
  EXPECT_EQ(backends.find("s3", "2").value().port, 81);
  const std::map<BackendKey, bool> wanted{{{"s3", "1"}, false}, {{"s3", "2"}, true}};
  EXPECT_EQ(backends.health(), wanted);
  backends.set_health({"s3", "1"}, true);
  EXPECT_TRUE(backends.find("s3", "1"));
  backends.set_health({"s3", "2"}, false);
  write(file(row("2", "http://127.0.0.1:82")));
  EXPECT_EQ(backends.find("s3", "2").value().port, 82) << "another one may be";
  backends.set_health({"s3", "1"}, false);
  EXPECT_EQ(backends.health().size(), 1U) << "a late answer of one that is gone";
}

}  // namespace
}  // namespace caisson::endpoints
