#include "netd/core/store.hh"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace caisson::netd::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    std::string name = std::filesystem::temp_directory_path() / "caisson-store-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path() const { return folder_ / "store.db"; }
  [[nodiscard]] Store open() const {
    auto store = Store::open(path());
    if (!store) throw std::runtime_error(store.error().text());
    return std::move(store).value();
  }
  static std::vector<std::string> records(Store& store) {
    auto loaded = store.load();
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().text());
    return loaded ? loaded.value() : std::vector<std::string>{};
  }

  std::filesystem::path folder_;
};

TEST_F(StoreTest, IsEmptyAtFirst) {
  auto store = open();
  EXPECT_THAT(records(store), IsEmpty());
}

TEST_F(StoreTest, KeepsTheOrderAcrossOpens) {
  std::vector<std::string> written;
  for (int round = 0; round < 3; ++round) {
    auto store = open();
    EXPECT_EQ(records(store), written);
    for (int i = 0; i < 12; ++i) {
      written.push_back("record " + std::to_string(round) + "." + std::to_string(i));
      EXPECT_TRUE(store.append(written.back()));
    }
  }
  auto store = open();
  EXPECT_EQ(records(store), written);
}

TEST_F(StoreTest, KeepsEqualRecordsAndEveryByte) {
  const std::string odd("'\";\n\t{}\0\xc3\xa4", 10);
  const std::string large(1 << 20, 'x');
  {
    auto store = open();
    for (const auto& record : {odd, odd, std::string(), large})
      EXPECT_TRUE(store.append(record));
  }
  auto store = open();
  EXPECT_THAT(records(store), ElementsAre(odd, odd, "", large));
}

TEST_F(StoreTest, TakesTheLastRecordBack) {
  Store store = open();
  EXPECT_EQ(store.append("a").value(), 1U);
  EXPECT_EQ(store.append("b").value(), 2U);
  EXPECT_TRUE(store.remove(2));
  EXPECT_TRUE(store.remove(2));
  EXPECT_EQ(store.append("c").value(), 2U);
  EXPECT_THAT(records(store), ElementsAre("a", "c"));
}

TEST_F(StoreTest, ASnapshotTakesTheRecordsPlace) {
  {
    Store store = open();
    EXPECT_EQ(store.last_revision().value(), 0U);
    EXPECT_EQ(store.snapshot().value().text, "");
    for (const char* record : {"a", "b", "c"})
      EXPECT_TRUE(store.append(record));
    EXPECT_TRUE(store.compact({.text = "ab", .revision = 2}));
    EXPECT_THAT(records(store), ElementsAre("c"));
    EXPECT_TRUE(store.compact({.text = "abc", .revision = 3}));
    EXPECT_TRUE(store.remove(3));  // a snapshot is no record
  }
  Store store = open();
  EXPECT_THAT(records(store), IsEmpty());
  EXPECT_EQ(store.snapshot().value().text, "abc");
  EXPECT_EQ(store.snapshot().value().revision, 3U);
  EXPECT_EQ(store.append("d").value(), 4U);
  EXPECT_EQ(store.last_revision().value(), 4U);
  EXPECT_THAT(records(store), ElementsAre("d"));
}

TEST_F(StoreTest, ShowsAnAppendToASecondOpenAtOnce) {
  auto first = open();
  auto second = open();
  EXPECT_TRUE(first.append("a"));
  EXPECT_THAT(records(second), ElementsAre("a"));
  EXPECT_TRUE(second.append("b"));
  EXPECT_THAT(records(first), ElementsAre("a", "b"));
}

TEST_F(StoreTest, RefusesAFileThatIsNone) {
  std::ofstream(path()) << std::string(4096, 'x');
  const auto store = Store::open(path());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, "EIO");
  EXPECT_THAT(store.error().message, HasSubstr("not a database"));
  EXPECT_THAT(store.error().message, Not(HasSubstr("\n")));
}

TEST_F(StoreTest, RefusesAFolderThatIsNotThere) {
  const auto store = Store::open(folder_ / "nowhere" / "store.db");
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr("nowhere"));
}

}  // namespace
}  // namespace caisson::netd::core
