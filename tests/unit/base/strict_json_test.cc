#include "base/strict_json.hh"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace caisson {
namespace {

std::string refused(std::string_view text, std::size_t levels = 4) {
  JsonRefusal refusal;
  return parse_strictly(text, levels, refusal) ? "" : refusal.why;
}

TEST(ParseStrictly, TakesJson) {
  JsonRefusal refusal;
  EXPECT_EQ(parse_strictly(R"({"a":{"a":[{"a":1},{"a":2}]}})", 4, refusal)->at("a").at("a").at(1).at("a"), 2);
  EXPECT_EQ(refused("[]"), "");
  EXPECT_EQ(refused("1"), "");
}

TEST(ParseStrictly, RefusesTheRest) {
  EXPECT_EQ(refused(""), "it is not JSON");
  EXPECT_EQ(refused("{"), "it is not JSON");
  EXPECT_EQ(refused("{} x"), "it is not JSON");
  EXPECT_EQ(refused("\"\xff\""), "it is not JSON");
  EXPECT_EQ(refused(R"({"a":1,"b":2,"a":3})"), "\"a\" comes twice");
  EXPECT_EQ(refused(R"([{"b":{"a":1,"\u0061":3}}])"), "\"a\" comes twice");
  EXPECT_EQ(refused("[[[[[1]]]]]"), "it is nested too deeply");
}

}  // namespace
}  // namespace caisson
