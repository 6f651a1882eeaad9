#include "endpoints/dns/message.hh"

#include <gmock/gmock.h>

#include "tests/unit/endpoints/dns/queries.hh"

namespace caisson::endpoints::dns {
namespace {

using test::number;
using test::question;
using test::upstream;

unsigned rcode(const std::string& bytes) {
  return static_cast<unsigned char>(bytes.at(3)) & 0xfU;
}

Query query(std::string_view name, unsigned type, unsigned edns = 0) {
  const auto read = read_query(question(name, type, edns));
  EXPECT_TRUE(read.query);
  return read.query.value_or(Query{});
}

TEST(ReadQuery, TakesAQuestion) {
  const auto read = query("Www.Example.COM", kAaaa, 4096);
  EXPECT_EQ(read.id, 77);
  EXPECT_EQ(read.name, "www.example.com");
  EXPECT_EQ(read.type, kAaaa);
  EXPECT_TRUE(read.recursion_desired);
  EXPECT_EQ(read.edns_size, 4096);
  EXPECT_EQ(read.datagram_limit(), kLargestDatagram);
  EXPECT_EQ(query("a", kA).datagram_limit(), kClassicDatagram);
  EXPECT_EQ(query("a", kA, 100).datagram_limit(), kClassicDatagram);
  EXPECT_EQ(query("a", kA, 1000).datagram_limit(), 1000U);
}

TEST(ReadQuery, RefusesTheRest) {
  const auto refusal = [](const std::string& bytes) {
    const auto read = read_query(bytes);
    EXPECT_FALSE(read.query);
    EXPECT_EQ(read.refusal.substr(0, 2), number(77));
    return read.refusal.empty() ? 99U : rcode(read.refusal);
  };
  std::string status = question("a", kA);
  status[2] = 0x11;
  EXPECT_EQ(refusal(status), 4U);  // NOTIMP
  std::string two = question("a", kA);
  two[5] = 2;
  EXPECT_EQ(refusal(two), 1U);  // FORMERR
  EXPECT_EQ(refusal(question("a", kA).substr(0, 14)), 1U);
  EXPECT_EQ(refusal(question("a", 252)), 5U);  // AXFR
  EXPECT_EQ(refusal(question("a", 255)), 5U);
  std::string chaos = question("version.bind", 16);
  chaos.back() = 3;
  EXPECT_EQ(refusal(chaos), 5U);
}

// A pointer is no label: read as one it leads past the question, to bytes that are another's name.
TEST(ReadQuery, SpellsOutANameThatIsAPointer) {
  std::string bytes = question("a", kA).substr(0, 12);
  bytes[0] = 0;
  bytes[1] = 1;  // at offset 1 stands the name "\001" (RD, a label of one byte), which the zeros after it end
  bytes += std::string("\xc0\x01\0\x01\0\x01", 6);
  const auto read = read_query(bytes + std::string(200, '\7'));
  ASSERT_TRUE(read.query);
  EXPECT_EQ(read.query->question, std::string("\1\1\0\0\x01\0\x01", 7));
  EXPECT_TRUE(answers(*read.query, 1, reply(*read.query, {}, kClassicDatagram)));
}

TEST(ReadQuery, KnowsVersionZeroOfEdnsAlone) {
  const auto read = read_query(question("a", kA, 1232, 0x0001));  // the version is the low byte of these two
  EXPECT_TRUE(read.query || !read.refusal.empty());
  const auto newer = read_query(question("a", kA, 1232, 1));
  EXPECT_FALSE(newer.query);
  EXPECT_FALSE(newer.refusal.empty());
}

TEST(ReadQuery, AnswersNoReplies) {
  std::string reply = question("a", kA);
  reply[2] = static_cast<char>(0x81);
  for (const auto& bytes : {reply, std::string("short"), std::string()}) {
    const auto read = read_query(bytes);
    EXPECT_FALSE(read.query);
    EXPECT_EQ(read.refusal, "");
  }
}

TEST(Reply, KeepsIdQuestionAndLetters) {
  const auto bytes =
      reply(query("Www.Example.com", kA), {.answers = {"www.example.com. 60 IN A 10.0.0.5"}}, 512);
  EXPECT_EQ(bytes.substr(0, 2), number(77));
  EXPECT_EQ(bytes.substr(2, 2), number(0x8180));
  EXPECT_EQ(bytes.substr(4, 4), number(1) + number(1));
  EXPECT_NE(bytes.find("\3Www\7Example\3com"), std::string::npos);
  EXPECT_TRUE(bytes.ends_with(number(60) + number(4) + std::string("\n\0\0\5", 4)));
}

TEST(Reply, CutsWhatIsTooLong) {
  LocalAnswer long_one;
  for (int i = 0; i < 100; ++i) {
    long_one.answers.push_back("a. 60 IN A 10.0.0." + std::to_string(i));
  }
  const auto cut = reply(query("a", kA), long_one, kClassicDatagram);
  EXPECT_LE(cut.size(), kClassicDatagram);
  EXPECT_TRUE(is_truncated(cut));
  EXPECT_EQ(cut.substr(6, 2), number(0));
  const auto whole = reply(query("a", kA), long_one, kLargestStream);
  EXPECT_FALSE(is_truncated(whole));
  EXPECT_EQ(whole.substr(6, 2), number(100));
}

TEST(Answers, AreToTheSameQuestion) {
  const auto asked = query("a.example", 16);
  const auto right = upstream(9, "a.example", 300, 1, "x");
  EXPECT_TRUE(answers(asked, 9, right));
  EXPECT_FALSE(answers(asked, 8, right));
  EXPECT_FALSE(answers(asked, 9, upstream(9, "b.example", 300, 1, "x")));
  EXPECT_FALSE(answers(query("a.example", kA), 9, right));
  EXPECT_FALSE(answers(asked, 9, forwarded_query(asked, 9)));
  EXPECT_FALSE(answers(asked, 9, right.substr(0, right.size() - 1)));
}

TEST(Lifetime, IsTheLeastTtl) {
  EXPECT_EQ(lifetime(upstream(1, "a", 300, 2, "x")), 300U);
  EXPECT_EQ(lifetime(upstream(1, "a", 0, 1, "x")), 0U);
  const auto asked = query("a", kA);
  EXPECT_EQ(lifetime(reply(asked, {.rcode = Rcode::kServFail}, 512)), 0U);
  EXPECT_EQ(lifetime(reply(asked, {.rcode = Rcode::kNxDomain}, 512)), 0U);
  // RFC 2308, 5: of a negative answer, the SOA's last field, if its own TTL is not less.
  const LocalAnswer negative{.rcode = Rcode::kNxDomain, .authority = "b. 500 IN SOA b. b. 1 2 3 4 40"};
  EXPECT_EQ(lifetime(reply(asked, negative, 512)), 40U);
  EXPECT_EQ(lifetime(reply(asked, {.answers = {"a. 999999 IN A 10.0.0.1"}}, 512)), 86400U);
}

TEST(Relayed, AgesAndFits) {
  const auto given = upstream(9, "a", 300, 3, std::string(200, 'x'));
  const auto relayed = relayed_reply(query("a", 16), given, 100, kLargestStream);
  EXPECT_EQ(relayed.substr(0, 2), number(77));
  EXPECT_EQ(lifetime(relayed), 200U);
  const auto cut = relayed_reply(query("a", 16), given, 0, kClassicDatagram);
  EXPECT_TRUE(is_truncated(cut));
  EXPECT_FALSE(is_truncated(relayed_reply(query("a", 16, 1232), given, 0, 1232)));
  EXPECT_EQ(rcode(relayed_reply(query("a", 16), "garbage", 0, 512)), 2U);
}

}  // namespace
}  // namespace caisson::endpoints::dns
