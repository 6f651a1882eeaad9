#include "endpoints/health.hh"

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace caisson::endpoints {
namespace {

namespace asio = boost::asio;
using Code = boost::system::error_code;

constexpr std::string_view kQuestion = "HEAD / HTTP/1.0\r\n\r\n";
constexpr std::string_view kAnswer = "HTTP/";

/// One question to one backend.
class Check : public std::enable_shared_from_this<Check> {
 public:
  Check(asio::io_context& io, Backends& backends, BackendKey key)
      : backends_(backends), key_(std::move(key)), stream_(io) {}

  void start(const Backend& backend, std::chrono::milliseconds patience) {
    Code error;
    const asio::ip::tcp::endpoint place(asio::ip::make_address(backend.address, error), backend.port);
    stream_.expires_after(patience);
    stream_.async_connect(
        place, [self = shared_from_this()](Code failed) { failed ? self->finish(false) : self->ask(); });
  }

 private:
  void ask() {
    asio::async_write(stream_, asio::buffer(kQuestion),
                      [self = shared_from_this()](Code failed, std::size_t) {
                        failed ? self->finish(false) : self->listen();
                      });
  }

  void listen() {
    stream_.async_read_some(asio::buffer(answer_), [self = shared_from_this()](Code, std::size_t bytes) {
      self->finish(std::string_view(self->answer_.data(), bytes).starts_with(kAnswer));
    });
  }

  void finish(bool healthy) { backends_.set_health(key_, healthy); }

  Backends& backends_;
  const BackendKey key_;
  boost::beast::tcp_stream stream_;
  std::array<char, 256> answer_{};
};

}  // namespace

HealthChecks::HealthChecks(asio::io_context& io, Backends& backends, Times times)
    : io_(io), backends_(backends), times_(times), timer_(io) {}

void HealthChecks::start() {
  for (const auto& [key, backend] : backends_.all())
    std::make_shared<Check>(io_, backends_, key)->start(backend, times_.patience);
  timer_.expires_after(times_.interval);
  timer_.async_wait([this](Code cancelled) {
    if (!cancelled) start();
  });
}

void HealthChecks::stop() {
  timer_.cancel();
}

}  // namespace caisson::endpoints
