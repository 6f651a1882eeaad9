#include "vmm/agent_protocol.hh"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace caisson::vmm::agent {
namespace {

using nlohmann::json;

std::string body_of(const std::string& frame) {
  return frame.substr(4);
}

template <class Message>
Message round_trip(const Message& message) {
  FrameReader reader;
  reader.feed(encode(message));
  const auto body = reader.next().value();
  EXPECT_TRUE(body);
  EXPECT_TRUE(reader.empty());
  if constexpr (std::is_same_v<Message, HostMessage>) {
    return decode_host_message(*body).value();
  } else {
    return decode_guest_message(*body).value();
  }
}

const std::string kEntropy(kMinEntropyBytes, '\xe5');
const std::string kBinary("\0\xff{\n", 4);

TEST(AgentProtocol, HostMessagesSurvive) {
  const auto init = std::get<Init>(round_trip(HostMessage(Init{.environment = {{"A", "1=2"}, {"EMPTY", ""}},
                                                               .handler = "app.handler",
                                                               .memory_mib = 128,
                                                               .tmp_mib = 512,
                                                               .ca_certificate = "-----BEGIN",
                                                               .clock_ns = 1'700'000'000'000'000'000,
                                                               .entropy = kEntropy})));
  EXPECT_EQ(init.environment, (Environment{{"A", "1=2"}, {"EMPTY", ""}}));
  EXPECT_EQ(init.handler, "app.handler");
  EXPECT_EQ(init.memory_mib, 128);
  EXPECT_EQ(init.tmp_mib, 512);
  EXPECT_EQ(init.ca_certificate, "-----BEGIN");
  EXPECT_EQ(init.clock_ns, 1'700'000'000'000'000'000);
  EXPECT_EQ(init.entropy, kEntropy);
  const auto restored = std::get<Restored>(
      round_trip(HostMessage(Restored{.clock_ns = 5, .entropy = kEntropy, .environment = {{"K", "V"}}})));
  EXPECT_EQ(restored.environment, (Environment{{"K", "V"}}));
  const auto invoke = std::get<Invoke>(round_trip(HostMessage(Invoke{.request_id = "r",
                                                                     .deadline_ms = 7,
                                                                     .arn = "arn",
                                                                     .trace_id = "t",
                                                                     .client_context = "{}",
                                                                     .payload = kBinary})));
  EXPECT_EQ(invoke.payload, kBinary);
  EXPECT_EQ(invoke.client_context, "{}");
  EXPECT_EQ(std::get<Thawed>(round_trip(HostMessage(Thawed{.clock_ns = 9}))).clock_ns, 9);
  EXPECT_TRUE(std::holds_alternative<PrepareSnapshot>(round_trip(HostMessage(PrepareSnapshot{}))));
  EXPECT_TRUE(std::holds_alternative<Reset>(round_trip(HostMessage(Reset{}))));
}

TEST(AgentProtocol, GuestMessagesSurviveAndBearTheirType) {
  const GuestMessage messages[] = {
      Ready{},
      Initialized{.duration_us = 1, .max_memory_mib = 2},
      InitError{.error_type = "T", .payload = kBinary},
      Prepared{.destroyed_sockets = 3},
      RestoredAcknowledged{},
      ThawedAcknowledged{},
      ResetDone{},
      Response{.request_id = "r", .payload = kBinary, .duration_us = 4},
      InvokeError{.request_id = "r", .payload = kBinary, .kind = ErrorKind::kExit},
      Log{.bytes = kBinary, .dropped = 5}};
  for (const GuestMessage& message : messages) {
    EXPECT_EQ(round_trip(message).index(), message.index());
    EXPECT_EQ(json::from_cbor(body_of(encode(message)))["type"], std::string(type_of(message)));
  }
  EXPECT_EQ(std::get<Response>(round_trip(messages[7])).payload, kBinary);
  EXPECT_EQ(std::get<InvokeError>(round_trip(messages[8])).kind, ErrorKind::kExit);
  EXPECT_EQ(std::get<Log>(round_trip(messages[9])).dropped, 5);
}

TEST(AgentProtocol, TheLargestPayloadFitsIntoAMessage) {
  const Response response{.request_id = "r", .payload = std::string(kMaxPayloadBytes, 'x')};
  EXPECT_EQ(std::get<Response>(round_trip(GuestMessage(response))).payload.size(), kMaxPayloadBytes);
}

std::string cbor(const json& value) {
  const auto bytes = json::to_cbor(value);
  return {bytes.begin(), bytes.end()};
}

TEST(AgentProtocol, AMemberMissingOrWrongIsRefused) {
  const json good = {{"type", "response"},
                     {"request_id", "r"},
                     {"payload", json::binary({1})},
                     {"duration_us", 1},
                     {"max_memory_mib", 1}};
  ASSERT_TRUE(decode_guest_message(cbor(good)));
  for (const auto& [name, value] : good.items()) {
    json missing = good;
    missing.erase(name);
    EXPECT_FALSE(decode_guest_message(cbor(missing))) << name;
    json wrong = good;
    wrong[name] = value.is_number() ? json("1") : json(1);
    EXPECT_FALSE(decode_guest_message(cbor(wrong))) << name;
  }
  json text_payload = good;
  text_payload["payload"] = "text";
  EXPECT_FALSE(decode_guest_message(cbor(text_payload)));
  json negative = good;
  negative["duration_us"] = -1;
  EXPECT_FALSE(decode_guest_message(cbor(negative)));
  json long_id = good;
  long_id["request_id"] = std::string(65, 'r');
  EXPECT_FALSE(decode_guest_message(cbor(long_id)));
  json more = good;
  more["more"] = 1;
  EXPECT_TRUE(decode_guest_message(cbor(more)));
  EXPECT_FALSE(decode_guest_message(cbor({{"type", "shutdown"}})));
  EXPECT_FALSE(
      decode_guest_message(cbor({{"type", "log"},
                                 {"bytes", json::binary(std::vector<std::uint8_t>(kMaxLogBytes + 1))},
                                 {"dropped", 0}})));
  EXPECT_FALSE(decode_host_message(cbor({{"type", "ready"}})));
}

TEST(AgentProtocol, AVariableThatWouldBreakTheEnvironmentIsRefused) {
  for (const char* name : {"", "A=B"}) {
    EXPECT_FALSE(decode_host_message(
        body_of(encode(HostMessage(Restored{.entropy = kEntropy, .environment = {{name, ""}}})))));
  }
  const std::string with_zero("a\0b", 3);
  EXPECT_FALSE(decode_host_message(
      body_of(encode(HostMessage(Restored{.entropy = kEntropy, .environment = {{"A", with_zero}}})))));
}

TEST(AgentProtocol, FramesComeOutOfAnyCutting) {
  std::string stream;
  for (int i = 0; i < 5; ++i)
    stream += encode(GuestMessage(Log{.bytes = std::string(static_cast<std::size_t>(i) * 50, 'l')}));
  for (std::size_t cut = 1; cut < 70; ++cut) {
    FrameReader reader;
    std::size_t frames = 0;
    for (std::size_t at = 0; at < stream.size(); at += cut) {
      reader.feed(std::string_view(stream).substr(at, cut));
      while (const auto body = reader.next().value()) {
        EXPECT_EQ(std::get<Log>(decode_guest_message(*body).value()).bytes.size(), 50 * frames++);
      }
    }
    EXPECT_EQ(frames, 5);
    EXPECT_TRUE(reader.empty());
  }
}

TEST(AgentProtocol, ALengthOutOfRangeIsAnErrorForGood) {
  for (const std::string_view length : {std::string_view("\0\0\0\0", 4), std::string_view("\1\0\x80\0", 4),
                                        std::string_view("\xff\xff\xff\xff", 4)}) {
    FrameReader reader;
    reader.feed(length);
    EXPECT_EQ(reader.next().error().code, "MalformedMessage");
    EXPECT_FALSE(reader.next());
  }
}

TEST(AgentProtocol, GarbageNeverCrashes) {
  std::mt19937 random(7);
  const std::string frame = encode(GuestMessage(InvokeError{.request_id = "r", .payload = "{}"}));
  for (int i = 0; i < 50'000; ++i) {
    std::string body = body_of(frame);
    for (std::size_t k = 0; k < 1 + random() % 4; ++k)
      body[random() % body.size()] = static_cast<char>(random());
    (void)decode_guest_message(body);
    (void)decode_host_message(body);
  }
}

}  // namespace
}  // namespace caisson::vmm::agent
