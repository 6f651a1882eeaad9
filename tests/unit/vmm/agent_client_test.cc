#include "vmm/agent_client.hh"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <thread>

#include "vmm/socket_io.hh"

namespace caisson::vmm {
namespace {

using namespace std::chrono_literals;

AgentClient::Deadline later() {
  return AgentClient::Clock::now() + 60s;
}
AgentClient::Deadline at_once() {
  return AgentClient::Clock::now() + 1ms;
}

/// A client and the guest's end of its channel. What the guest says is written ahead.
class AgentClientTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = make_socket_pair().value();
    ours_ = std::move(pair.ours);
    guest_ = std::move(pair.theirs);
    client_ =
        std::make_unique<AgentClient>(ours_.get(), [this](std::string_view bytes, std::int64_t dropped) {
          log_ += bytes;
          dropped_ += dropped;
        });
  }
  void say_bytes(std::string_view bytes) {
    ASSERT_EQ(::send(guest_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void say(const agent::GuestMessage& message) { say_bytes(agent::encode(message)); }
  agent::HostMessage heard() {
    std::string bytes;
    EXPECT_TRUE(read_some(guest_.get(), bytes));
    frames_.feed(bytes);
    return agent::decode_host_message(frames_.next().value().value()).value();
  }

  Fd ours_;
  Fd guest_;
  agent::FrameReader frames_;
  std::unique_ptr<AgentClient> client_;
  std::string log_;
  std::int64_t dropped_ = 0;
};

const agent::Init kInit{.handler = "a.b", .tmp_mib = 512, .clock_ns = 1, .entropy = std::string(32, 'e')};

TEST_F(AgentClientTest, WalksThroughALife) {
  say(agent::Ready{});
  ASSERT_TRUE(client_->wait_ready(later()));
  say(agent::Initialized{.duration_us = 5});
  const auto init = client_->init(kInit, later());
  EXPECT_EQ(std::get<agent::Initialized>(init.value()).duration_us, 5);
  EXPECT_EQ(std::get<agent::Init>(heard()).handler, "a.b");
  say(agent::Prepared{.destroyed_sockets = 2});
  EXPECT_EQ(client_->prepare_snapshot(later()).value().destroyed_sockets, 2);
  EXPECT_TRUE(std::holds_alternative<agent::PrepareSnapshot>(heard()));
  say(agent::RestoredAcknowledged{});
  ASSERT_TRUE(client_->restored({.entropy = std::string(32, 'e')}, later()));
  (void)heard();
  say(agent::ThawedAcknowledged{});
  ASSERT_TRUE(client_->thawed({.clock_ns = 3}, later()));
  EXPECT_EQ(std::get<agent::Thawed>(heard()).clock_ns, 3);
  say(agent::Response{.request_id = "r", .payload = "{}"});
  const auto response = client_->invoke({.request_id = "r"}, later());
  EXPECT_EQ(std::get<agent::Response>(response.value()).payload, "{}");
  (void)heard();
  say(agent::ResetDone{});
  ASSERT_TRUE(client_->reset(later()));
}

TEST_F(AgentClientTest, ErrorsOfTheFunctionAreResults) {
  say(agent::InitError{.error_type = "T", .payload = "{}"});
  EXPECT_EQ(std::get<agent::InitError>(client_->init(kInit, later()).value()).error_type, "T");
  say(agent::InvokeError{.request_id = "r", .kind = agent::ErrorKind::kExit});
  EXPECT_EQ(std::get<agent::InvokeError>(client_->invoke({.request_id = "r"}, later()).value()).kind,
            agent::ErrorKind::kExit);
}

TEST_F(AgentClientTest, LogsGoToTheSinkInOrder) {
  say(agent::Log{.bytes = "a"});
  say(agent::Log{.bytes = "b", .dropped = 7});
  say(agent::Response{.request_id = "r"});
  ASSERT_TRUE(client_->invoke({.request_id = "r"}, later()));
  EXPECT_EQ(log_, "ab");
  EXPECT_EQ(dropped_, 7);
  say(agent::Log{.bytes = "c"});
  ASSERT_TRUE(client_->drain_logs());
  EXPECT_EQ(log_, "abc");
  ASSERT_TRUE(client_->drain_logs());
}

TEST_F(AgentClientTest, AfterATimeoutALateAnswerIsDroppedAndResetWorks) {
  EXPECT_EQ(client_->invoke({.request_id = "late"}, at_once()).error().code, "Timeout");
  say(agent::Response{.request_id = "late"});
  say(agent::ResetDone{});
  ASSERT_TRUE(client_->reset(later()));
  say(agent::Response{.request_id = "next"});
  EXPECT_TRUE(client_->invoke({.request_id = "next"}, later()));
}

TEST_F(AgentClientTest, AnAnswerToAnotherRequestOrOfAnotherKindIsRefused) {
  say(agent::Response{.request_id = "other"});
  EXPECT_EQ(client_->invoke({.request_id = "r"}, later()).error().code, "UnexpectedMessage");
  say(agent::Ready{});
  EXPECT_EQ(client_->thawed({}, later()).error().code, "UnexpectedMessage");
}

TEST_F(AgentClientTest, AGuestThatTalksUnaskedIsRefused) {
  for (int i = 0; i < 10; ++i)
    say(agent::Ready{});
  EXPECT_EQ(client_->drain_logs().error().code, "UnexpectedMessage");
}

TEST_F(AgentClientTest, GarbageAndAHugeLengthAreRefused) {
  say_bytes(std::string_view("\3\0\0\0abc", 7));
  EXPECT_EQ(client_->wait_ready(later()).error().code, "MalformedMessage");
  SetUp();
  say_bytes("\xff\xff\xff\x7f");
  EXPECT_EQ(client_->wait_ready(later()).error().code, "MalformedMessage");
}

TEST_F(AgentClientTest, HalfAMessageIsATimeoutAndThenADisconnect) {
  const std::string frame = agent::encode(agent::GuestMessage(agent::Ready{}));
  say_bytes(std::string_view(frame).substr(0, frame.size() - 1));
  EXPECT_EQ(client_->wait_ready(at_once()).error().code, "Timeout");
  guest_.reset();
  EXPECT_EQ(client_->wait_ready(later()).error().code, "Disconnected");
}

TEST_F(AgentClientTest, ARequestThatTheGuestDoesNotHaveWholeIsUndelivered) {
  // More than the channel holds: half of it is on its way when the guest ends.
  std::thread end([this] {
    std::string bytes;
    EXPECT_TRUE(wait_for(guest_.get(), POLLIN, later(), "the request"));
    EXPECT_TRUE(read_some(guest_.get(), bytes));
    guest_.reset();
  });
  const auto half = client_->invoke({.request_id = "r", .payload = std::string(4 << 20, 'x')}, later());
  end.join();
  EXPECT_EQ(half.error().code, "Undelivered");
  EXPECT_EQ(client_->invoke({.request_id = "r"}, later()).error().code, "Undelivered");
}

TEST_F(AgentClientTest, ARequestThatTheGuestHasIsLostWithIt) {
  std::thread end([this] {
    EXPECT_TRUE(wait_for(guest_.get(), POLLIN, later(), "the request"));
    (void)heard();
    guest_.reset();
  });
  EXPECT_EQ(client_->invoke({.request_id = "r"}, later()).error().code, "Disconnected");
  end.join();
}

TEST_F(AgentClientTest, BetweenInvocationsThereAreLogsOnly) {
  say(agent::Log{.bytes = "hello"});
  EXPECT_TRUE(client_->drain_logs());
  EXPECT_EQ(log_, "hello");
  say(agent::Ready{});
  EXPECT_EQ(client_->drain_logs().error().code, "UnexpectedMessage");
}

TEST_F(AgentClientTest, AFloodOfLogDoesNotHoldACallBeyondItsDeadline) {
  std::thread writer([this] {
    const std::string frame =
        agent::encode(agent::GuestMessage(agent::Log{.bytes = std::string(60'000, 'x')}));
    while (::send(guest_.get(), frame.data(), frame.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  const auto result = client_->invoke({.request_id = "r"}, AgentClient::Clock::now() + 100ms);
  EXPECT_EQ(result.error().code, "Timeout");
  ours_.reset();
  writer.join();
}

TEST_F(AgentClientTest, ALargeEventAndALargeLogCrossEachOther) {
  // Neither end's buffer holds what the other sends: the client must read while it writes.
  const agent::Invoke event{.request_id = "r", .payload = std::string(agent::kMaxPayloadBytes, 'p')};
  std::thread guest([this] {
    for (int i = 0; i < 50; ++i)
      say(agent::Log{.bytes = std::string(60'000, 'x')});
    std::string bytes;
    while (frames_.next().value() == std::nullopt) {
      bytes.clear();
      (void)wait_for(guest_.get(), 1, later(), "bytes");
      ASSERT_TRUE(read_some(guest_.get(), bytes));
      frames_.feed(bytes);
    }
    say(agent::Response{.request_id = "r"});
  });
  EXPECT_TRUE(client_->invoke(event, later()));
  guest.join();
  EXPECT_EQ(log_.size(), 50 * 60'000);
}

TEST(HostEntropy, IsAsLongAsAskedAndNotTwiceTheSame) {
  EXPECT_EQ(host_entropy(64).size(), 64);
  EXPECT_NE(host_entropy(), host_entropy());
}

}  // namespace
}  // namespace caisson::vmm
