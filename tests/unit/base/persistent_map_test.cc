// Beside std::map: the same answers after the same changes, while copies stay as they were.
#include "base/persistent_map.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace caisson {
namespace {

using Map = PersistentMap<int, std::string>;
using Model = std::map<int, std::string>;

void expect_same(const Map& map, const Model& model) {
  ASSERT_EQ(map.size(), model.size());
  ASSERT_EQ(map.empty(), model.empty());
  ASSERT_TRUE(std::equal(map.begin(), map.end(), model.begin(), model.end()));
}

void expect_same_around(const Map& map, const Model& model, int key) {
  ASSERT_EQ(map.contains(key), model.contains(key));
  const auto same = [&](const auto& one, const auto& two) {
    ASSERT_EQ(one == map.end(), two == model.end());
    if (two != model.end()) {
      ASSERT_EQ(*one, *two);
    }
  };
  same(map.find(key), model.find(key));
  same(map.lower_bound(key), model.lower_bound(key));
  same(map.upper_bound(key), model.upper_bound(key));
  const auto rank = static_cast<std::size_t>(std::distance(model.begin(), model.lower_bound(key)));
  ASSERT_EQ(map.rank(key), rank);
  if (rank < model.size()) {
    ASSERT_EQ(map.nth(rank), *model.lower_bound(key));
  }
}

TEST(PersistentMap, AnswersAsStdMapAfterRandomChanges) {
  std::mt19937 engine(7);
  for (const int keys : {4, 64, 4096}) {
    std::uniform_int_distribution<int> any(0, keys);
    Map map;
    Model model;
    for (int step = 0; step < 6000; ++step) {
      const int key = any(engine);
      if (any(engine) % 2 == 0) {
        map.insert_or_assign(key, std::to_string(step));
        model.insert_or_assign(key, std::to_string(step));
      } else {
        ASSERT_EQ(map.erase(key), model.erase(key));
      }
      expect_same_around(map, model, any(engine));
      if (step % 100 == 0) expect_same(map, model);
      if (HasFatalFailure()) return;
    }
    expect_same(map, model);
  }
}

TEST(PersistentMap, OrderedKeysMakeNoDeepTree) {
  Map map;
  for (int i = 0; i < 100000; ++i) {
    map.insert_or_assign(i, "");
  }
  // An iterator has room for a path of 48: a tree that degenerates would have written past it.
  EXPECT_EQ(std::distance(map.begin(), map.end()), 100000);
  for (int i = 0; i < 100000; i += 2) {
    map.erase(i);
  }
  EXPECT_EQ(std::distance(map.begin(), map.end()), 50000);
  EXPECT_EQ(map.begin()->first, 1);
}

TEST(PersistentMap, CopiesKeepWhatTheyHad) {
  Map map;
  std::vector<std::pair<Map, Model>> copies;
  Model model;
  for (int i = 0; i < 200; ++i) {
    map.insert_or_assign(i * 37 % 101, std::to_string(i));
    model.insert_or_assign(i * 37 % 101, std::to_string(i));
    if (i % 3 == 0) {
      map.erase(i % 50);
      model.erase(i % 50);
    }
    copies.emplace_back(map, model);
  }
  for (const auto& [copy, then] : copies) {
    expect_same(copy, then);
  }
}

TEST(PersistentMap, EqualIsWhatHoldsTheSameWhateverTheWayThere) {
  Map one{{1, "a"}, {2, "b"}, {3, "c"}};
  Map two{{3, "c"}, {2, "x"}, {1, "a"}, {4, "d"}};
  EXPECT_FALSE(one == two);
  two.insert_or_assign(2, "b");
  EXPECT_FALSE(one == two);
  two.erase(4);
  EXPECT_TRUE(one == two);
}

TEST(PersistentMap, EmplaceKeepsAndAtThrows) {
  Map map{{1, "a"}};
  EXPECT_FALSE(map.emplace(1, "b"));
  EXPECT_TRUE(map.emplace(2, "b"));
  EXPECT_EQ(map.at(1), "a");
  EXPECT_THROW((void)map.at(3), std::out_of_range);
  EXPECT_EQ(map.value_at(3), nullptr);
}

}  // namespace
}  // namespace caisson
