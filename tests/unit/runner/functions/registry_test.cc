#include "runner/functions/registry.hh"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>

#include "base/hex.hh"

namespace caisson::runner {
namespace {

class RegistryTest : public testing::Test {
 protected:
  RegistryTest() : folder_(std::filesystem::temp_directory_path() / ("caisson-registry-" + random_hex())) {
    std::filesystem::create_directory(folder_);
  }
  ~RegistryTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path() const { return folder_ / "runner.db"; }

  static Function function(const std::string& account, const std::string& name) {
    Function one;
    one.key = {account, name};
    one.current.runtime = "python3.11";
    one.current.variables = {{"AB", "\xc3\xa4 \"quoted\""}};
    one.current.vpc = {.subnets = {"subnet-01"}, .groups = {"sg-01"}, .vpc = "vpc-01"};
    one.current.code = {.file = "x.squashfs", .sha256 = "abc=", .bytes = 5'000'000'000};
    one.deployment = "d1";
    one.revision = "r1";
    one.tags = {{"team", "a"}};
    one.state = State::kActive;
    one.update_status = UpdateStatus::kFailed;
    one.update_reason = {.code = "InternalError", .message = "m"};
    return one;
  }

  std::filesystem::path folder_;
};

TEST_F(RegistryTest, WhatWasPutIsThereAfterOpeningAgain) {
  Function one = function("000000000001", "f");
  one.next = one.current;
  one.next->memory_mib = 512;
  one.next_deployment = "d2";
  {
    const auto registry = Registry::open(path());
    ASSERT_TRUE(registry);
    ASSERT_TRUE(registry.value()->put(function("000000000001", "f")));
    ASSERT_TRUE(registry.value()->put(one));
    ASSERT_TRUE(registry.value()->put(function("000000000001", "g")));
    ASSERT_TRUE(registry.value()->remove({"000000000001", "g"}));
  }
  const auto registry = Registry::open(path());
  ASSERT_TRUE(registry);
  EXPECT_EQ(registry.value()->all().size(), 1U);
  const auto found = registry.value()->find({"000000000001", "f"});
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(*found, one);
}

TEST_F(RegistryTest, ListsOneAccountByNameInPages) {
  const auto registry = Registry::open(path());
  for (const char* name : {"c", "a", "b"})
    ASSERT_TRUE(registry.value()->put(function("000000000001", name)));
  ASSERT_TRUE(registry.value()->put(function("000000000002", "a")));
  const auto first = registry.value()->list("000000000001", "", 2);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[1]->key.name, "b");
  const auto second = registry.value()->list("000000000001", "b", 2);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0]->key.name, "c");
  EXPECT_EQ(registry.value()->find({"000000000002", "b"}), nullptr);
}

TEST_F(RegistryTest, RefusesWhatALaterReleaseWrote) {
  { ASSERT_TRUE(Registry::open(path())); }
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
  sqlite3_exec(database, "PRAGMA user_version=99", nullptr, nullptr, nullptr);
  sqlite3_close(database);
  EXPECT_EQ(Registry::open(path()).error().code, "UnknownSchema");
}

TEST_F(RegistryTest, RefusesADamagedDocument) {
  { ASSERT_TRUE(Registry::open(path())); }
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
  sqlite3_exec(database, "INSERT INTO functions VALUES ('1','f','{}')", nullptr, nullptr, nullptr);
  sqlite3_close(database);
  EXPECT_EQ(Registry::open(path()).error().code, "CorruptRegistry");
}

TEST_F(RegistryTest, AnAbsentFolderIsAnError) {
  EXPECT_EQ(Registry::open((folder_ / "absent" / "runner.db").string()).error().code, "Database");
}

}  // namespace
}  // namespace caisson::runner
