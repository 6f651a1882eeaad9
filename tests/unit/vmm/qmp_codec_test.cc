#include "vmm/qmp_codec.hh"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace caisson::vmm::qmp {
namespace {

TEST(QmpCodec, CommandsAreLines) {
  EXPECT_EQ(encode("cont", nlohmann::json::object(), 3), "{\"execute\":\"cont\",\"id\":3}\n");
  EXPECT_EQ(encode("getfd", {{"fdname", "a\nb"}}, 4),
            "{\"arguments\":{\"fdname\":\"a\\nb\"},\"execute\":\"getfd\",\"id\":4}\n");
}

TEST(QmpCodec, ADeepAnswerIsRefusedAndExhaustsNoStack) {
  const std::string nest(kMaxLineBytes / 2 - 32, '[');
  const auto deep = decode(R"({"id":1,"return":)" + nest + std::string(nest.size(), ']') + "}");
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, "MalformedMessage");
}

TEST(QmpCodec, AnEventsDataCanBeAnything) {
  EXPECT_EQ(text_in(R"({"status": "completed"})", "status"), "completed");
  for (const char* data :
       {"[1]", "5", "null", R"({"status": 5})", R"({"status": ["completed"]})", "{}", "{", ""})
    EXPECT_EQ(text_in(data, "status"), "") << data;
}

TEST(QmpCodec, KnowsTheFourKindsOfMessage) {
  EXPECT_TRUE(
      std::holds_alternative<Greeting>(decode(R"({"QMP": {"version": {}, "capabilities": []}})").value()));
  const auto value = std::get<Return>(decode(R"({"return": {"status": "paused"}, "id": 7})").value());
  EXPECT_EQ(value.id, 7);
  EXPECT_EQ(value.value, R"({"status":"paused"})");
  const auto failure =
      std::get<Failure>(decode(R"({"error": {"class": "GenericError", "desc": "no"}, "id": 8})").value());
  EXPECT_EQ(failure.id, 8);
  EXPECT_EQ(failure.error_class, "GenericError");
  EXPECT_EQ(failure.description, "no");
  // QEMU could not parse the command, so it knows no id.
  EXPECT_EQ(std::get<Failure>(decode(R"({"error": {"desc": "no"}})").value()).id, -1);
  const auto event = std::get<Event>(decode(R"({"event": "STOP", "timestamp": {"seconds": 1}})").value());
  EXPECT_EQ(event.name, "STOP");
  EXPECT_EQ(event.data, "{}");
  EXPECT_EQ(std::get<Event>(decode(R"({"event": "E", "data": {"a": 1}})").value()).data, R"({"a":1})");
}

TEST(QmpCodec, MalformedLinesAreErrors) {
  for (const char* line :
       {"", "x", "[]", "1", "null", "{}", R"({"return": {}})", R"({"return": {}, "id": "1"})",
        R"({"event": 1})", R"({"error": 1})", R"({"id": 1})", "{\"return\": {}, \"id\": 1", "\xff\xfe"}) {
    const auto result = decode(line);
    ASSERT_FALSE(result) << line;
    EXPECT_EQ(result.error().code, "MalformedMessage") << line;
  }
}

TEST(QmpCodec, GarbageNeverCrashes) {
  std::mt19937 random(3);
  const std::string good = R"({"return": {"status": "paused", "list": [1, 2]}, "id": 7})";
  for (int i = 0; i < 20'000; ++i) {
    std::string line = good;
    for (std::size_t k = 0; k < 1 + random() % 4; ++k)
      line[random() % line.size()] = static_cast<char>(random());
    (void)decode(line);
  }
  EXPECT_FALSE(decode(std::string(200'000, '[')));
}

TEST(LineReader, LinesComeOutOfAnyCutting) {
  const std::string stream = "one\r\ntwo\n\nthree\n";
  for (std::size_t cut = 1; cut <= stream.size(); ++cut) {
    LineReader reader;
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < stream.size(); at += cut) {
      reader.feed(std::string_view(stream).substr(at, cut));
      while (const auto line = reader.next().value())
        lines.push_back(*line);
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "", "three"})) << cut;
  }
}

TEST(LineReader, ALineTooLongIsAnErrorForGood) {
  LineReader reader;
  reader.feed(std::string(kMaxLineBytes, 'x'));
  EXPECT_TRUE(reader.next());
  reader.feed("xx");
  EXPECT_EQ(reader.next().error().code, "MalformedMessage");
  reader.feed("\n");
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace caisson::vmm::qmp
