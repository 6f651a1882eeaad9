// The server over real sockets, as clients and attackers use it.
#include "base/http/server.hh"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <future>
#include <optional>
#include <thread>

#include "tests/support/http_fixture.hh"

namespace caisson::http {
namespace {

using test::at_end;
using test::post_text;
using test::receive_reply;
using test::send_text;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t kMaxBody = 1000;

class HttpServerTest : public test::HttpFixture {
 protected:
  void destroy_server() override { server_.reset(); }

  Handlers handlers() {
    return {
        .handle = [this](Request request, ReplyHandler done) { answer(std::move(request), std::move(done)); },
        .body_limit = [](const Request&) { return kMaxBody; },
        .refuse = [](Refusal why, const Request&) { return refuse(why); }};
  }

  /// "/later" is answered by answer_later(), "/nothing" by 204, all else by what was understood.
  void answer(Request request, ReplyHandler done) {
    if (request.target == "/later") {
      later_.set_value(std::move(done));
      return;
    }
    if (request.target == "/nothing") return done({.status = 204, .content_type = ""});
    std::string text =
        request.method + " " + request.target + " " + request.body + " " + request.header("x-a");
    if (request.operator_socket) text += " uid " + std::to_string(request.peer_uid.value_or(99999));
    if (request.target == "/large") text = std::string(5000, 'l');
    done({.headers = {{"X-B", "c"}}, .body = text + " end"});
  }

  static Response refuse(Refusal why) {
    switch (why) {
      case Refusal::kMalformed:
        return {.status = 400, .body = "malformed"};
      case Refusal::kHeaderTooLong:
        return {.status = 431, .body = "header too long"};
      case Refusal::kLengthRequired:
        return {.status = 411, .body = "length required"};
      case Refusal::kBodyTooLarge:
        return {.status = 413, .body = "too large"};
      case Refusal::kBusy:
        break;
    }
    return {.status = 503, .body = "busy"};
  }

  void start(Limits limits = {}) {
    server_.emplace(io_, handlers(), limits);
    serve(*server_);
  }

  std::promise<ReplyHandler> later_;
  std::optional<Server> server_;
};

TEST_F(HttpServerTest, AnswersOneRequestAfterTheOther) {
  start();
  const Fd fd = connect_tcp();
  send_text(fd, post_text("/x?y=z", "body", "X-A: 1\r\nx-a: 2\r\n"));
  const std::string reply = receive_reply(fd);
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("\r\nX-B: c\r\n"));
  EXPECT_THAT(reply, HasSubstr("\r\nx-amzn-RequestId: "));
  EXPECT_THAT(reply, HasSubstr("POST /x?y=z body 1,2 end"));
  send_text(fd, post_text("/a", "") + post_text("/b", ""));  // pipelined
  EXPECT_THAT(receive_reply(fd), HasSubstr("POST /a "));
  EXPECT_THAT(receive_reply(fd), HasSubstr("POST /b "));
  send_text(fd, post_text("/nothing", "", "Connection: close\r\n"));
  const std::string nothing = receive_reply(fd);
  EXPECT_THAT(nothing, StartsWith("HTTP/1.1 204 "));
  EXPECT_THAT(nothing, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(nothing, Not(HasSubstr("Content-Length")));
  EXPECT_TRUE(at_end(fd));
}

TEST_F(HttpServerTest, KnowsWhoIsAtTheUnixSocket) {
  start();
  EXPECT_THAT(ask(post_text("/x", "")), HasSubstr(" uid " + std::to_string(::geteuid()) + " end"));
}

TEST_F(HttpServerTest, RefusesBeforeItReads) {
  start();
  EXPECT_THAT(ask("HELLO\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n"), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(ask(post_text("/", std::string(100000, 'x'))), HasSubstr("too large"));
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_THAT(ask(head + "3\r\nabc\r\n0\r\n\r\n"), StartsWith("HTTP/1.1 411"));
}

TEST_F(HttpServerTest, AChunkInPiecesEndsNothing) {
  start();
  const Fd fd = connect_unix();
  send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
  EXPECT_THAT(receive_reply(fd), StartsWith("HTTP/1.1 411"));
  send_text(fd, "a");
  EXPECT_THAT(ask(post_text("/x", "")), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, LetsAClientContinue) {
  start();
  const Fd fd = connect_unix();
  send_text(fd, "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_THAT(receive_reply(fd), StartsWith("HTTP/1.1 100 Continue"));
  send_text(fd, "body");
  EXPECT_THAT(receive_reply(fd), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, ClosesSilentConnections) {
  start({.idle = std::chrono::milliseconds(50), .transfer = std::chrono::milliseconds(50)});
  const Fd silent = connect_unix();
  EXPECT_TRUE(at_end(silent));
  const Fd header = connect_unix();
  send_text(header, "POST /x HTTP/1.1\r\n");
  EXPECT_TRUE(at_end(header));
  const Fd half = connect_unix();
  send_text(half, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n{");
  EXPECT_TRUE(at_end(half));
}

TEST_F(HttpServerTest, WhoWaitsLongestMakesRoom) {
  start({.connections = 2});
  const Fd first = connect_unix();
  send_text(first, post_text("/x", ""));
  EXPECT_THAT(receive_reply(first), StartsWith("HTTP/1.1 200"));
  const Fd half = connect_unix();
  send_text(half, "POST /x HTTP/1.1\r\n");
  on_io([] {});
  const Fd third = connect_unix();
  send_text(third, post_text("/x", ""));
  EXPECT_TRUE(at_end(first));
  EXPECT_THAT(receive_reply(third), StartsWith("HTTP/1.1 200"));
  send_text(half, "Host: h\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(receive_reply(half), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(server_->stats().evicted, 1U);
}

TEST_F(HttpServerTest, ManySilentConnectionsStopNobody) {
  start({.connections = 8});
  std::vector<Fd> silent;
  for (int i = 0; i < 100; ++i) {
    silent.push_back(connect_tcp());
    if (i % 2 == 1) send_text(silent.back(), "POST /x HTTP/1.1\r\nHost: h\r\n");
  }
  const Fd honest = connect_tcp();
  send_text(honest, post_text("/x", ""));
  EXPECT_THAT(receive_reply(honest), StartsWith("HTTP/1.1 200"));
  EXPECT_GE(server_->stats().evicted, 90U);
}

TEST_F(HttpServerTest, ABusyCrowdTakesTurns) {
  start({.connections = 1});
  const Fd busy = connect_unix();
  send_text(busy, post_text("/later", ""));
  ReplyHandler reply = later_.get_future().get();
  const Fd waiting = connect_unix();
  send_text(waiting, post_text("/x", ""));
  on_io([] {});  // the server sees it wait, and has nobody to close
  on_io([] {});
  char c = 0;
  EXPECT_EQ(::recv(waiting.get(), &c, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(server_->stats().connections, 1U);
  std::exchange(reply, nullptr)({.body = "at last"});  // who holds it holds the connection
  const std::string answer = receive_reply(busy);
  EXPECT_THAT(answer, HasSubstr("at last"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(receive_reply(waiting), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, BodiesBeyondTheBudgetAreRefused) {
  start({.buffered_bytes = 1200});
  const Fd slow = connect_unix();
  send_text(slow, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n" + std::string(890, 's'));
  while (server_->stats().buffered_bytes != 890)
    on_io([] {});
  EXPECT_THAT(ask(post_text("/x", std::string(311, 'x'))), StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(server_->stats().refused, 1U);
  EXPECT_THAT(ask(post_text("/x", std::string(300, 'x'))), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask("GET /x HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  send_text(slow, std::string(10, 's'));
  EXPECT_THAT(receive_reply(slow), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask(post_text("/x", std::string(900, 'x'))), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask(post_text("/large", "")), HasSubstr("lll end"));
  while (server_->stats().buffered_bytes != 0)
    on_io([] {});
}

TEST_F(HttpServerTest, WhatIsOnlyAnnouncedCostsNobodyAPlace) {
  start({.buffered_bytes = 1200});
  std::vector<Fd> silent;
  for (int i = 0; i < 4; ++i) {
    silent.push_back(connect_unix());
    send_text(silent.back(), "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  }
  EXPECT_THAT(ask(post_text("/x", std::string(1000, 'x'))), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, StopClosesIdleConnectionsAndTheSocket) {
  start();
  const Fd idle = connect_unix();
  send_text(idle, post_text("/x", ""));
  EXPECT_THAT(receive_reply(idle), StartsWith("HTTP/1.1 200"));
  on_io([this] { server_->stop(); });
  EXPECT_TRUE(at_end(idle));
  struct stat status {};
  EXPECT_EQ(::stat(path().c_str(), &status), -1);
}

TEST_F(HttpServerTest, TheSocketIsPrivateAndReplacesAnOldOne) {
  start();
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  boost::asio::io_context io;
  Server second(io, handlers());
  EXPECT_TRUE(second.listen_unix(path(), 0660));  // as after a crash, which leaves the file
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660U);
  const std::string file = folder_ + "/file";
  std::ofstream(file) << "x";
  EXPECT_EQ(second.listen_unix(file, 0600).error().code, "EEXIST");
  EXPECT_EQ(::unlink(file.c_str()), 0);
  EXPECT_EQ(second.listen_unix(folder_ + "/no/such/folder", 0600).error().code, "ENOENT");
  EXPECT_EQ(second.listen_unix("/" + std::string(200, 'x'), 0600).error().code, "ENAMETOOLONG");
  EXPECT_EQ(second.listen_tcp("127.0.0.1", port_).error().code, "EADDRINUSE");
  EXPECT_EQ(second.listen_tcp("localhost", 0).error().code, "EINVAL");
}

TEST_F(HttpServerTest, AdoptsSocketsThatListenAlready) {
  server_.emplace(io_, handlers());
  Fd listening = Fd::own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listening.get(), 8), 0);
  ASSERT_EQ(::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  ASSERT_TRUE(server_->adopt(std::move(listening)));
  Fd idle = Fd::own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(server_->adopt(std::move(idle)).error().code, "EINVAL");
  thread_ = std::thread([this] { io_.run(); });
  const Fd fd = connect_tcp();
  send_text(fd, post_text("/x", ""));
  EXPECT_THAT(receive_reply(fd), StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace caisson::http
