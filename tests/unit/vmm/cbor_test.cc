#include "vmm/cbor.hh"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace caisson::vmm::cbor {
namespace {

using nlohmann::json;

std::string bytes(const std::vector<std::uint8_t>& values) {
  return {values.begin(), values.end()};
}

// The lengths at which CBOR's heads change their size.
const std::int64_t kIntegers[] = {0,         1,  23,  24,  255,  256,  65535,  65536,  4294967295, 4294967296,
                                  INT64_MAX, -1, -24, -25, -256, -257, -65536, -65537, INT64_MIN};

TEST(Cbor, AgreesWithAnotherImplementation) {
  for (const std::int64_t number : kIntegers) {
    const Map map = {{"integer", number}, {"text", "t\xc3\xa9xt"}, {"map", TextMap{{"a", "b"}, {"", ""}}}};
    const std::string encoded = encode(map);
    const json other = json::from_cbor(encoded);
    EXPECT_EQ(other["integer"].get<std::int64_t>(), number);
    EXPECT_EQ(other["map"]["a"], "b");
    EXPECT_EQ(decode(encoded).value(), map);
    EXPECT_EQ(decode(bytes(json::to_cbor(other))).value(), map);
  }
  for (const std::size_t length : {0UL, 23UL, 24UL, 255UL, 256UL, 65535UL, 65536UL}) {
    const Map map = {{"b", Bytes{std::string(length, '\xff')}}, {"t", std::string(length, 'x')}};
    const std::string encoded = encode(map);
    EXPECT_EQ(json::from_cbor(encoded)["b"].get_binary().size(), length);
    EXPECT_EQ(decode(encoded).value(), map);
  }
}

TEST(Cbor, EachPrefixAndEachExtensionIsRefused) {
  const std::string whole =
      encode({{"type", "x"}, {"n", 70000}, {"b", Bytes{"123"}}, {"m", TextMap{{"k", "v"}}}});
  ASSERT_TRUE(decode(whole));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(decode(whole.substr(0, length))) << length;
  EXPECT_FALSE(decode(whole + '\0'));
}

TEST(Cbor, WhatTheProtocolDoesNotUseIsRefused) {
  const std::pair<const char*, std::string> cases[] = {
      {"an array", bytes({0x81, 0x01})},
      {"an integer at the top", bytes({0x01})},
      {"an indefinite map", bytes({0xbf, 0xff})},
      {"a float", bytes({0xa1, 0x61, 'a', 0xf9, 0, 0})},
      {"true", bytes({0xa1, 0x61, 'a', 0xf5})},
      {"a tag", bytes({0xa1, 0x61, 'a', 0xc1, 0x01})},
      {"an array as a member", bytes({0xa1, 0x61, 'a', 0x80})},
      {"an indefinite text", bytes({0xa1, 0x61, 'a', 0x7f, 0x61, 'b', 0xff})},
      {"a key that is no text", bytes({0xa1, 0x01, 0x01})},
      {"a member twice", bytes({0xa2, 0x61, 'a', 0x01, 0x61, 'a', 0x02})},
      {"a map of maps", bytes({0xa1, 0x61, 'a', 0xa1, 0x61, 'b', 0xa0})},
      {"2^63", bytes({0xa1, 0x61, 'a', 0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0})},
      {"a text of 2^64 - 1 bytes", bytes({0xa1, 0x61, 'a', 0x7b, 255, 255, 255, 255, 255, 255, 255, 255})},
      {"a map of 2^64 - 1 members", bytes({0xbb, 255, 255, 255, 255, 255, 255, 255, 255})},
      {"a reserved head", bytes({0xbc})},
  };
  for (const auto& [name, body] : cases) {
    const auto result = decode(body);
    ASSERT_FALSE(result) << name;
    EXPECT_EQ(result.error().code, "MalformedMessage") << name;
  }
}

// Each of these is deep enough to exhaust the stack of a decoder that recurses.
TEST(Cbor, DepthCostsNothing) {
  constexpr std::size_t kDepth = 4 * 1024 * 1024;
  EXPECT_FALSE(decode(std::string(kDepth, '\x81')));
  EXPECT_FALSE(decode(std::string(kDepth, '\x7f')));
  std::string maps;
  for (std::size_t i = 0; i < kDepth / 3; ++i)
    maps += "\xa1\x61\x61";
  EXPECT_FALSE(decode(maps));
}

TEST(Cbor, MembersAreCounted) {
  const auto texts = [](std::size_t count) {
    TextMap map;
    for (std::size_t i = 0; i < count; ++i)
      map.emplace(std::to_string(i), "");
    return encode({{"m", map}});
  };
  EXPECT_TRUE(decode(texts(kMaxTexts)));
  EXPECT_FALSE(decode(texts(kMaxTexts + 1)));
  const auto members = [](std::size_t count) {
    Map map;
    for (std::size_t i = 0; i < count; ++i)
      map.emplace(std::to_string(i), std::int64_t{0});
    return encode(map);
  };
  EXPECT_TRUE(decode(members(kMaxMembers)));
  EXPECT_FALSE(decode(members(kMaxMembers + 1)));
}

TEST(Cbor, RandomBytesAndMutationsNeverCrash) {
  std::mt19937 random(20240501);
  const std::string whole =
      encode({{"type", "x"}, {"n", 70000}, {"b", Bytes{"123"}}, {"m", TextMap{{"k", "v"}}}});
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string body = whole;
    if (i % 2 == 0) body.resize(random() % 64);
    const auto changes = i % 2 == 0 ? body.size() : 1 + random() % 3;
    for (std::size_t k = 0; k < changes; ++k)
      body[random() % body.size()] = static_cast<char>(random());
    if (const auto result = decode(body)) {
      ++accepted;
      EXPECT_EQ(decode(encode(result.value())).value(), result.value());
    }
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace caisson::vmm::cbor
