#include "vmm/qmp_client.hh"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "vmm/memory_file.hh"

namespace caisson::vmm {
namespace {

using namespace std::chrono_literals;

constexpr const char* kGreeting = "{\"QMP\": {}}\r\n";
constexpr const char* kNegotiated = "{\"return\": {}, \"id\": 1}\r\n";

Deadline later() {
  return std::chrono::steady_clock::now() + 60s;
}

/// A client and the other end of its socket. What the peer says is written ahead: the client reads it in order.
class QmpClientTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = make_socket_pair().value();
    peer_ = std::move(pair.theirs);
    client_.emplace(std::move(pair.ours));
  }
  void say(std::string_view text) {
    ASSERT_EQ(::send(peer_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  std::string heard() {
    char text[4096];
    const ssize_t count = ::recv(peer_.get(), text, sizeof text, MSG_DONTWAIT);
    return count > 0 ? std::string(text, static_cast<std::size_t>(count)) : "";
  }
  void negotiate() {
    say(kGreeting);
    say(kNegotiated);
    ASSERT_TRUE(client_->negotiate(later()));
    EXPECT_EQ(heard(), "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
  }

  Fd peer_;
  std::optional<QmpClient> client_;
};

TEST_F(QmpClientTest, NegotiatesAndExecutes) {
  negotiate();
  say("{\"return\": {\"running\": true}, \"id\": 2}\n");
  EXPECT_EQ(client_->execute("query-status", later()).value(), R"({"running":true})");
}

TEST_F(QmpClientTest, WhatIsThereIsNotReadBeyondTheDeadline) {
  negotiate();
  // Of a QEMU that sends events faster than they are read there is always more.
  say("{\"event\": \"STOP\"}\n{\"event\": \"STOP\"}\n{\"return\": {}, \"id\": 2}\n");
  const auto answer = client_->execute("stop", std::chrono::steady_clock::now());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "Timeout");
  EXPECT_EQ(client_->wait_event("STOP", later()).error().code, "Timeout");
}

TEST_F(QmpClientTest, EventsAmongTheAnswersAreKept) {
  negotiate();
  say("{\"event\": \"STOP\"}\n{\"event\": \"MIGRATION\", \"data\": {\"status\": \"setup\"}}\n{\"return\": "
      "{}, \"id\": 2}\n");
  EXPECT_TRUE(client_->execute("migrate", later()));
  EXPECT_EQ(client_->wait_event("MIGRATION", later()).value(), R"({"status":"setup"})");
  say("{\"event\": \"RESUME\"}\n{\"event\": \"MIGRATION\", \"data\": {\"status\": \"completed\"}}\n");
  EXPECT_EQ(client_->wait_event("MIGRATION", later()).value(), R"({"status":"completed"})");
}

TEST_F(QmpClientTest, ARefusedCommandLeavesTheClientUsable) {
  negotiate();
  say("{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}, \"id\": 2}\n{\"return\": {}, "
      "\"id\": 3}\n");
  const auto refused = client_->execute("migrate", later());
  EXPECT_EQ(refused.error().code, "QmpError");
  EXPECT_EQ(refused.error().message, "migrate: not now");
  EXPECT_TRUE(client_->execute("cont", later()));
}

TEST_F(QmpClientTest, APendingCallFailsOnADisconnectAndSoDoesEachLaterOne) {
  negotiate();
  peer_.reset();
  EXPECT_EQ(client_->execute("cont", later()).error().code, "Disconnected");
  EXPECT_EQ(client_->execute("stop", later()).error().code, "Disconnected");
  EXPECT_EQ(client_->wait_event("STOP", later()).error().code, "Disconnected");
}

TEST_F(QmpClientTest, ATimeoutIsFinal) {
  negotiate();
  EXPECT_EQ(client_->execute("cont", std::chrono::steady_clock::now() + 1ms).error().code, "Timeout");
  say("{\"return\": {}, \"id\": 2}\n");
  EXPECT_EQ(client_->execute("cont", later()).error().code, "Timeout");
}

TEST_F(QmpClientTest, AnotherIdsAnswerGarbageAndASecondGreetingAreFinal) {
  for (const char* line : {"{\"return\": {}, \"id\": 99}\n", "garbage\n", kGreeting}) {
    SetUp();
    negotiate();
    say(line);
    EXPECT_EQ(client_->execute("cont", later()).error().code, "MalformedMessage") << line;
    EXPECT_EQ(client_->execute("cont", later()).error().code, "MalformedMessage") << line;
  }
}

TEST_F(QmpClientTest, ALineWithoutEndDoesNotGrowForEver) {
  negotiate();
  std::thread writer([this] {
    const std::string chunk(64 * 1024, 'x');
    while (::send(peer_.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  EXPECT_EQ(client_->execute("cont", later()).error().code, "MalformedMessage");
  client_.reset();  // closes the socket, which ends the writer
  writer.join();
}

TEST_F(QmpClientTest, WithoutAGreetingThereIsNoNegotiation) {
  say("{\"return\": {}, \"id\": 1}\n");
  EXPECT_EQ(client_->negotiate(later()).error().code, "MalformedMessage");
}

TEST_F(QmpClientTest, PassesADescriptor) {
  negotiate();
  const Fd file = make_memory_file("test", 12345).value();
  say("{\"return\": {}, \"id\": 2}\n");
  ASSERT_TRUE(client_->pass_fd("state", file, later()));
  char text[256];
  iovec data{.iov_base = text, .iov_len = sizeof text};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  const ssize_t count = ::recvmsg(peer_.get(), &message, 0);
  ASSERT_GT(count, 0);
  EXPECT_EQ(std::string(text, static_cast<std::size_t>(count)),
            qmp::encode("getfd", {{"fdname", "state"}}, 2));
  ASSERT_NE(CMSG_FIRSTHDR(&message), nullptr);
  int raw = -1;
  std::memcpy(&raw, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof raw);
  const Fd received = Fd::own(raw);
  struct stat status {};
  ASSERT_EQ(::fstat(received.get(), &status), 0);
  EXPECT_EQ(status.st_size, 12345);
}

}  // namespace
}  // namespace caisson::vmm
