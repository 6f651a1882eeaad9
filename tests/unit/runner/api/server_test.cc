#include "runner/api/server.hh"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <thread>

#include "base/hex.hh"
#include "tests/support/http_client.hh"

namespace caisson::runner {
namespace {

using test::send_text;

class ServerTest : public testing::Test {
 protected:
  ServerTest()
      : folder_(std::filesystem::temp_directory_path() / ("caisson-server-" + random_hex().substr(0, 8))) {
    std::filesystem::create_directory(folder_);
    auto server =
        Server::listen({.address = "127.0.0.1",
                        .port = 0,
                        .socket_path = folder_ / "s",
                        .invocations = 2,
                        .handle = [this](const HttpRequest& request) { return answer(request); },
                        .is_invocation = [](const HttpRequest& request) { return request.target == "/long"; },
                        .body_limit = [](const HttpRequest&) { return std::size_t{10}; },
                        .refuse = [](http::Refusal why, const HttpRequest&) { return refusal(why); }});
    server_ = std::move(server).value();
    thread_ = std::thread([this] { server_->run(); });
  }
  ~ServerTest() override {
    server_->stop();
    thread_.join();
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  static HttpResponse refusal(http::Refusal why) {
    if (why == http::Refusal::kBusy) return {.status = 429, .body = "busy"};
    return {.status = why == http::Refusal::kBodyTooLarge ? 413U : 400U, .body = "too large"};
  }

  HttpResponse answer(const HttpRequest& request) {
    if (request.target == "/long") {
      ++long_ones_;
      released_.wait();
      return {.body = "long"};
    }
    if (request.target == "/nothing") return {.status = 204, .headers = {}, .content_type = {}};
    return {.status = 200,
            .headers = {{"x-amzn-RequestId", "r"}},
            .body = request.method + " " + request.target + " " + request.body + " " + request.header("x-a") +
                    (request.operator_socket ? " operator" : "")};
  }

  Fd connect_tcp() { return test::connect_tcp(server_->port()); }

  /// Until `end` has been read or the peer has closed.
  static std::string read_until(const Fd& socket, const std::string& end) {
    std::string text;
    char buffer[4096];
    while (text.find(end) == std::string::npos) {
      const ssize_t size = ::recv(socket.get(), buffer, sizeof buffer, 0);
      if (size <= 0) break;
      text.append(buffer, static_cast<std::size_t>(size));
    }
    return text;
  }

  std::filesystem::path folder_;
  std::atomic<int> long_ones_ = 0;
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  const Fd socket = connect_tcp();
  for (int i = 0; i < 3; ++i) {
    send_text(socket, "POST /x HTTP/1.1\r\nHost: h\r\nX-A: v\r\nContent-Length: 3\r\n\r\nabc");
    const std::string reply = read_until(socket, "POST /x abc v");
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK\r\n")) << reply;
    EXPECT_NE(reply.find("x-amzn-RequestId: r\r\n"), std::string::npos);
  }
}

TEST_F(ServerTest, TheUnixSocketIsTheOperators) {
  const std::string path = folder_ / "s";
  const Fd socket = test::connect_unix(path);
  send_text(socket, "GET /y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(read_until(socket, "never").find("GET /y   operator"), std::string::npos);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U);
}

TEST_F(ServerTest, BodiesBeyondTheLimitAreRefused) {
  const Fd announced = connect_tcp();
  send_text(announced, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_TRUE(read_until(announced, "too large").starts_with("HTTP/1.1 413"));
}

TEST_F(ServerTest, LongInvocationsStopNobodyElse) {
  const std::string invoke =
      "POST /long HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  const Fd first = connect_tcp();
  const Fd second = connect_tcp();
  send_text(first, invoke);
  send_text(second, invoke);
  while (long_ones_ < 2)
    std::this_thread::yield();
  const Fd third = connect_tcp();
  send_text(third, invoke);
  EXPECT_TRUE(read_until(third, "never").starts_with("HTTP/1.1 429"));
  const Fd other = connect_tcp();
  send_text(other, "GET /z HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(read_until(other, "never").find("GET /z"), std::string::npos);
  release_.set_value();
  EXPECT_TRUE(read_until(first, "never").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(read_until(second, "never").starts_with("HTTP/1.1 200"));
  const Fd again = connect_tcp();
  send_text(again, invoke);
  EXPECT_TRUE(read_until(again, "never").starts_with("HTTP/1.1 200"));
}

TEST(Server, APortInUseIsNamed) {
  const auto none = [](auto&&...) { return HttpResponse{}; };
  ServerSettings settings{.address = "127.0.0.1", .port = 0, .handle = none};
  const auto first = Server::listen(settings);
  ASSERT_TRUE(first);
  settings.port = first.value()->port();
  const auto second = Server::listen(settings);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "EADDRINUSE");
  EXPECT_NE(second.error().message.find("127.0.0.1:"), std::string::npos);
}

}  // namespace
}  // namespace caisson::runner
