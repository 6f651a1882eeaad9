#include "endpoints/health.hh"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>

namespace caisson::endpoints {
namespace {

namespace asio = boost::asio;
using Code = boost::system::error_code;
using tcp = asio::ip::tcp;

/// Takes connections, and says the same to each, or nothing.
class Server {
 public:
  explicit Server(asio::io_context& io) : acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    accept();
  }
  [[nodiscard]] std::string port() const { return std::to_string(acceptor_.local_endpoint().port()); }
  void close() { acceptor_.close(); }

  std::string says = "HTTP/1.1 403 Forbidden\r\n\r\n";

 private:
  void accept() {
    acceptor_.async_accept([this](Code failed, tcp::socket socket) {
      if (failed) return;
      taken_.push_back(std::make_unique<tcp::socket>(std::move(socket)));
      Code ignored;
      if (!says.empty()) asio::write(*taken_.back(), asio::buffer(says), ignored);
      accept();
    });
  }
  tcp::acceptor acceptor_;
  std::vector<std::unique_ptr<tcp::socket>> taken_;
};

class Health : public testing::Test {
 protected:
  Health() {
    std::ofstream(path) << R"({"Backends": [{"Service": "s3", "Account": "1", "Url": "http://127.0.0.1:)" +
                               server.port() + R"(", "AccessKeyId": "K", "SecretAccessKey": "S"}]})";
    checks.start();
  }
  ~Health() override {
    checks.stop();
    server.close();
    std::filesystem::remove(path);
  }

  /// Until it is so; the test's own time is the limit.
  void await(bool healthy) {
    while (backends.health().at({"s3", "1"}) != healthy)
      io.run_one();
  }
  void run_checks(int count) {
    for (int i = 0; i < count; ++i)
      io.run_one();
  }

  const std::string path = testing::TempDir() + "caisson-health-" + std::to_string(::getpid());
  asio::io_context io;
  Server server{io};
  Backends backends{path};
  HealthChecks checks{
      io, backends, {.interval = std::chrono::milliseconds(20), .patience = std::chrono::milliseconds(2000)}};
};

TEST_F(Health, AnyAnswerIsOne) {
  run_checks(20);
  EXPECT_TRUE(backends.find("s3", "1"));
}

TEST_F(Health, WhatSaysSomethingElseIsNotThereUntilItAnswers) {
  server.says = "SSH-2.0\r\n";
  await(false);
  EXPECT_EQ(backends.find("s3", "1").error().code, "ServiceUnavailable");
  server.says = "HTTP/1.0 200 OK\r\n\r\n";
  await(true);
  EXPECT_TRUE(backends.find("s3", "1"));
}

TEST_F(Health, SilenceIsNoAnswer) {
  server.says.clear();
  await(false);
}

TEST_F(Health, NobodyIsNoAnswer) {
  server.close();
  await(false);
}

}  // namespace
}  // namespace caisson::endpoints
