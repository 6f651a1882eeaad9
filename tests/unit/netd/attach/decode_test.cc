#include "netd/attach/decode.hh"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace caisson::netd::attach {
namespace {

using Json = nlohmann::json;

bool is_request(const Json& json) {
  const auto bytes = Json::to_cbor(json);
  return decode_request({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) == json;
}

TEST(DecodeRequest, TakesWhatAnOperationNeedsAndNothingElse) {
  EXPECT_TRUE(is_request({{"op", "LeaseSlot"}}));
  EXPECT_TRUE(is_request({{"op", "Attach"}, {"slot", 3}, {"eni", "eni-1"}}));
  EXPECT_TRUE(
      is_request({{"op", "SessionCredentials"}, {"account", "1"}, {"function", "f"}, {"seconds", 900}}));
  EXPECT_FALSE(
      is_request({{"op", "SessionCredentials"}, {"account", "1"}, {"function", "f"}, {"seconds", "x"}}));
  const Json ensure = {{"op", "EnsureFunctionInterface"},
                       {"account", "1"},
                       {"user", "u"},
                       {"subnets", {"a"}},
                       {"groups", Json::array()}};
  EXPECT_TRUE(is_request(ensure));
  for (const char* member : {"op", "account", "user", "subnets", "groups"}) {
    Json less = ensure;
    less.erase(member);
    EXPECT_FALSE(is_request(less)) << member;
    Json other = ensure;
    other[member] = 5;
    EXPECT_FALSE(is_request(other)) << member;
  }
  Json more = ensure;
  more["extra"] = 1;
  EXPECT_FALSE(is_request(more));
  EXPECT_TRUE(is_request({{"op", "LeaseSlot"}, {"request", "c0ffee-1"}}));
  EXPECT_FALSE(is_request({{"op", "LeaseSlot"}, {"request", "two words"}}));
  EXPECT_FALSE(is_request({{"op", "LeaseSlot"}, {"request", ""}}));
  EXPECT_FALSE(is_request({{"op", "Unknown"}}));
  EXPECT_FALSE(is_request({{"op", "Seal"}, {"slot", -1}}));
  EXPECT_FALSE(is_request({{"op", "Seal"}, {"slot", 1LL << 32}}));
  EXPECT_FALSE(is_request(Json::array()));
}

TEST(DecodeRequest, TextIsUtf8) {
  EXPECT_TRUE(is_request({{"op", "Attach"}, {"slot", 3}, {"eni", "\xc3\xa9"}}));
  EXPECT_FALSE(is_request({{"op", "Attach"}, {"slot", 3}, {"eni", "\xff"}}));
  EXPECT_FALSE(is_request({{"op", "Attach"}, {"slot", 3}, {"eni", std::string("\"\0\xbf", 3)}}));
  Json ensure = {{"op", "EnsureFunctionInterface"}, {"account", "1"}, {"user", "u"}, {"subnets", {"\xc3"}}};
  ensure["groups"] = Json::array();
  EXPECT_FALSE(is_request(ensure));
}

TEST(DecodeRequest, RefusesWhatIsNestedOrNoWholeItem) {
  EXPECT_FALSE(decode_request(""));
  EXPECT_FALSE(decode_request(std::string(1 << 20, '\x81')));
  EXPECT_FALSE(decode_request(std::string(1 << 20, '\xc0')));
  const auto bytes = Json::to_cbor({{"op", "LeaseSlot"}});
  const std::string whole(bytes.begin(), bytes.end());
  EXPECT_TRUE(decode_request(whole));
  EXPECT_FALSE(decode_request(whole + '\0'));
  EXPECT_FALSE(decode_request(whole.substr(0, whole.size() - 1)));
}

}  // namespace
}  // namespace caisson::netd::attach
