#include "endpoints/dns/forwarder.hh"

#include <sys/random.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

namespace caisson::endpoints::dns {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

constexpr int kRounds = 2;

std::uint16_t random_id() {
  std::uint16_t id = 0;
  (void)!::getrandom(&id, sizeof id, 0);
  return id;
}

/// One question until its end; handlers keep it alive.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(asio::io_context& io, const Forwarder::Settings& settings, Query query, Forwarder::Done done,
           std::shared_ptr<std::uint64_t> timeouts)
      : io_(io),
        settings_(settings),
        query_(std::move(query)),
        done_(std::move(done)),
        timer_(io),
        timeouts_(std::move(timeouts)) {}

  void start() {
    asio::post(io_, [self = shared_from_this()] { self->next(); });
  }

 private:
  /// Another resolver, or the same once more.
  void next() {
    close();
    if (attempt_ == settings_.resolvers.size() * kRounds) return finish({});
    const Resolver& resolver = settings_.resolvers[attempt_++ % settings_.resolvers.size()];
    address_ = asio::ip::address_v4(resolver.address.value);
    port_ = resolver.port;
    id_ = random_id();
    question_ = forwarded_query(query_, id_);
    timer_.expires_after(settings_.patience);
    timer_.async_wait([self = shared_from_this(), attempt = attempt_](const error_code& failed) {
      if (failed || self->attempt_ != attempt || !self->done_) return;
      ++*self->timeouts_;
      self->next();
    });
    error_code failed;
    datagrams_.emplace(io_);
    datagrams_->open(udp::v4(), failed);
    // A connected socket takes answers of nobody else; the kernel chooses its port at random.
    if (!failed) datagrams_->connect({address_, port_}, failed);
    if (!failed) datagrams_->send(asio::buffer(question_), 0, failed);
    if (!failed) receive();
  }

  void receive() {
    datagrams_->async_receive(asio::buffer(buffer_), [self = shared_from_this(), attempt = attempt_](
                                                         const error_code& failed, std::size_t size) {
      if (self->attempt_ == attempt) self->take(failed, size);
    });
  }

  void take(const error_code& failed, std::size_t size) {
    if (!done_ || failed == asio::error::operation_aborted) return;
    // "Port unreachable": nobody is there. The timer is not to be waited for.
    if (failed) return next();
    const std::string_view bytes(buffer_.data(), size);
    if (!answers(query_, id_, bytes)) return receive();
    if (is_truncated(bytes)) return ask_again_by_stream();
    finish(std::string(bytes));
  }

  void ask_again_by_stream() {
    stream_.emplace(io_);
    framed_ = framed(question_);
    const auto step = [self = shared_from_this(), attempt = attempt_](auto then) {
      return [self, attempt, then](const error_code& failed, auto...) {
        if (self->attempt_ != attempt || !self->done_ || failed == asio::error::operation_aborted) return;
        if (failed) return self->next();
        then();
      };
    };
    auto* self = this;
    stream_->async_connect(
        {address_, port_}, step([self, step] {
          asio::async_write(*self->stream_, asio::buffer(self->framed_), step([self, step] {
            asio::async_read(*self->stream_, asio::buffer(self->length_), step([self, step] {
              self->framed_.resize(framed_size(self->length_));
              asio::async_read(*self->stream_, asio::buffer(self->framed_), step([self] {
                if (!answers(self->query_, self->id_, self->framed_)) return self->next();
                self->finish(std::move(self->framed_));
              }));
            }));
          }));
        }));
  }

  void close() {
    datagrams_.reset();
    stream_.reset();
    timer_.cancel();
  }

  void finish(std::string bytes) {
    close();
    if (auto done = std::exchange(done_, nullptr)) done(std::move(bytes));
  }

  asio::io_context& io_;
  const Forwarder::Settings& settings_;
  Query query_;
  Forwarder::Done done_;
  asio::steady_timer timer_;
  std::shared_ptr<std::uint64_t> timeouts_;
  std::size_t attempt_ = 0;
  asio::ip::address_v4 address_;
  std::uint16_t port_ = 0;
  std::uint16_t id_ = 0;
  std::string question_;
  std::optional<udp::socket> datagrams_;
  std::optional<tcp::socket> stream_;
  std::string framed_;
  FrameLength length_{};
  std::array<char, 4096> buffer_{};
};

}  // namespace

void Forwarder::ask(const Query& query, Done done) {
  if (settings_.resolvers.empty() || *pending_ >= settings_.most_pending) return done({});
  ++*pending_;
  std::make_shared<Exchange>(
      io_, settings_, query,
      [done = std::move(done), pending = pending_](std::string bytes) {
        --*pending;
        done(std::move(bytes));
      },
      timeouts_)
      ->start();
}

}  // namespace caisson::endpoints::dns
