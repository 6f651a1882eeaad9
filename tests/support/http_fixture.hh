// A server of base/http under test: a socket in a folder of its own, a port, and a thread that runs it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include "base/http/server.hh"
#include "tests/support/http_client.hh"

namespace caisson::test {

/// The test makes its server on `io_`, keeps it, lets it go in destroy_server(), and calls serve().
class HttpFixture : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/caisson-http-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
  }
  void TearDown() override {
    if (thread_.joinable()) {
      work_.reset();
      io_.stop();
      thread_.join();
    }
    destroy_server();
    EXPECT_EQ(rmdir(folder_.c_str()), 0) << "the server left something behind";
  }
  virtual void destroy_server() = 0;

  [[nodiscard]] std::string path() const { return folder_ + "/s"; }

  void serve(http::Server& server) {
    const auto listening = server.listen_unix(path(), 0600);
    ASSERT_TRUE(listening) << listening.error().text();
    const auto port = server.listen_tcp("127.0.0.1", 0);
    ASSERT_TRUE(port) << port.error().text();
    port_ = port.value();
    thread_ = std::thread([this] { io_.run(); });
  }

  /// Runs `work` on the server's thread, to its end.
  void on_io(const std::function<void()>& work) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  [[nodiscard]] Fd connect_unix() const { return test::connect_unix(path()); }
  [[nodiscard]] Fd connect_tcp() const { return test::connect_tcp(port_); }

  /// The reply to a request at the unix socket.
  [[nodiscard]] std::string ask(const std::string& request) const {
    const Fd fd = connect_unix();
    send_text(fd, request);
    return receive_reply(fd);
  }

  std::string folder_;
  std::uint16_t port_ = 0;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::thread thread_;
};

}  // namespace caisson::test
