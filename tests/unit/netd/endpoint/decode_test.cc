#include "netd/endpoint/decode.hh"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace caisson::netd::endpoint {
namespace {

using Json = nlohmann::json;

bool is_request(const Json& json) {
  const auto bytes = Json::to_cbor(json);
  return decode_request({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) == json;
}

const Json kConnection{
    {"op", "ResolveConnection"}, {"address", 0xf0000001U}, {"port", 40000}, {"local_address", 0xcb007101U}};
const Json kKey{{"op", "Key"},        {"access_key_id", "ASIA_x-1"}, {"token", "0123456789abcdef"},
                {"date", "20260131"}, {"region", "us-east-1"},       {"service", "s3"}};
const Json kPolicy{{"op", "Policy"}, {"endpoint", "vpce-0123456789abcdef0"}};

TEST(DecodeRequest, TakesWhatAnOperationNeedsAndNothingElse) {
  for (const Json& whole : {kConnection, kKey, kPolicy}) {
    EXPECT_TRUE(is_request(whole)) << whole;
    for (const auto& [member, value] : whole.items()) {
      Json less = whole;
      less.erase(member);
      EXPECT_FALSE(is_request(less)) << member;
      Json other = whole;
      other[member] = Json::array();
      EXPECT_FALSE(is_request(other)) << member;
    }
    Json more = whole;
    more["extra"] = 1;
    EXPECT_FALSE(is_request(more));
  }
}

TEST(DecodeRequest, KnowsTheAlphabets) {
  const auto with = [](const char* member, const Json& value) {
    Json key = kKey;
    key[member] = value;
    return is_request(key);
  };
  EXPECT_TRUE(with("token", ""));
  EXPECT_TRUE(with("token", std::string(4096, 'a')));
  EXPECT_FALSE(with("token", std::string(4097, 'a')));
  EXPECT_FALSE(with("token", "ABC"));
  EXPECT_FALSE(with("access_key_id", "A B"));
  EXPECT_FALSE(with("access_key_id", "\xff"));
  EXPECT_TRUE(with("access_key_id", std::string(128, 'A')));
  EXPECT_FALSE(with("access_key_id", std::string(129, 'A')));
  EXPECT_FALSE(is_request({{"op", "Policy"}, {"endpoint", "VPCE/1"}}));
  Json port = kConnection;
  port["port"] = 65536;
  EXPECT_FALSE(is_request(port));
}

TEST(DecodeRequest, RefusesMembersOfAnotherKind) {
  for (const Json& whole : {kConnection, kKey, kPolicy}) {
    for (const auto& [member, value] : whole.items()) {
      for (const Json& wrong : {Json(nullptr), Json(true), Json(-1), Json(1.5), Json(1ULL << 32),
                                Json::object(), Json::binary({1, 2}), Json("\xff")}) {
        Json other = whole;
        other[member] = wrong;
        EXPECT_FALSE(is_request(other)) << member;
      }
    }
  }
  EXPECT_FALSE(is_request({{"op", "LeaseSlot"}})) << "attach.sock's";
}

TEST(DecodeRequest, IdsAreShortAndPlain) {
  Json policy = kPolicy;
  for (const std::string& id : {std::string(), std::string(65, 'a'), std::string("vpce-\xff"),
                                std::string("vpce-1\0", 7), std::string("../netd")}) {
    policy["endpoint"] = id;
    EXPECT_FALSE(is_request(policy)) << id;
  }
  policy["endpoint"] = std::string(64, 'a');
  EXPECT_TRUE(is_request(policy));
  for (const auto& [id, right] : {std::pair{"c0ffee-1", true}, {"", false}, {"two words", false}}) {
    Json marked = kConnection;
    marked["request"] = id;
    EXPECT_EQ(is_request(marked), right) << id;
  }
}

TEST(DecodeRequest, RefusesWhatIsNestedOrNoWholeItem) {
  EXPECT_FALSE(decode_request(""));
  EXPECT_FALSE(is_request(Json::array({kConnection})));
  EXPECT_FALSE(decode_request(std::string(1 << 20, '\x81')));
  EXPECT_FALSE(decode_request(std::string(1 << 20, '\xbf')));
  const auto bytes = Json::to_cbor(kConnection);
  const std::string whole(bytes.begin(), bytes.end());
  EXPECT_FALSE(decode_request(whole + '\0'));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_request(whole.substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace caisson::netd::endpoint
