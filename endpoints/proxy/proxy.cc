#include "endpoints/proxy/proxy.hh"

#include <sys/stat.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>

#include "endpoints/proxy/session.hh"

namespace caisson::endpoints {
namespace {

namespace asio = boost::asio;
using Code = boost::system::error_code;

/// Before a connection is accepted again after a failure: descriptors may be free by then.
constexpr std::chrono::milliseconds kPause{100};

class Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(std::shared_ptr<Shared> shared, bool tls)
      : shared_(std::move(shared)), tls_(tls), acceptor_(shared_->io), pause_(shared_->io) {}

  Status adopt(Fd listening) {
    Code error;
    acceptor_.assign(asio::ip::tcp::v4(), listening.get(), error);
    if (!error) acceptor_.non_blocking(true, error);
    if (error) return Error::system(error.value(), "use", "a listening socket");
    (void)std::move(listening).release();
    accept();
    return ok();
  }

  /// Whether `other` is another descriptor of the same socket.
  bool is(const Fd& other) {
    struct stat ours {};
    struct stat theirs {};
    return ::fstat(acceptor_.native_handle(), &ours) == 0 && ::fstat(other.get(), &theirs) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
  }

  /// Takes what waits, then stops.
  void retire() {
    for (Code error; !error;) {
      asio::ip::tcp::socket socket(shared_->io);
      acceptor_.accept(socket, error);
      if (!error) take(std::move(socket));
    }
    stop();
  }

  void stop() {
    Code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  }

 private:
  void accept() {
    acceptor_.async_accept([self = shared_from_this()](Code error, asio::ip::tcp::socket socket) {
      if (error == asio::error::operation_aborted || self->shared_->stopping) return;
      if (error) return self->pause();
      self->take(std::move(socket));
      self->accept();
    });
  }

  void take(asio::ip::tcp::socket socket) {
    if (shared_->sessions.size() >= shared_->settings.limits.connections) {
      ++shared_->over_quota;
      return;
    }
    Code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    make_session(std::move(socket), tls_, shared_)->start();
  }

  void pause() {
    pause_.expires_after(kPause);
    pause_.async_wait([self = shared_from_this()](Code error) {
      if (!error) self->accept();
    });
  }

  const std::shared_ptr<Shared> shared_;
  const bool tls_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer pause_;
};

Error bad_certificate(const Code& error) {
  return {.code = "CertificateAuthority", .message = "the endpoints' certificate: " + error.message()};
}

Status set_up_tls(asio::ssl::context& context, const Certificate& certificate) {
  Code error;
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                          asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                          asio::ssl::context::no_tlsv1_1,
                      error);
  if (error) return bad_certificate(error);
  context.use_certificate_chain(asio::buffer(certificate.certificate), error);
  if (error) return bad_certificate(error);
  context.use_private_key(asio::buffer(certificate.key), asio::ssl::context::pem, error);
  if (error) return bad_certificate(error);
  return ok();
}

}  // namespace

class Proxy::Impl {
 public:
  explicit Impl(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  // Joining threads and closing sockets throws where the program is wrong; then it ends.
  ~Impl() {  // NOLINT(bugprone-exception-escape)
    stop();
    shared_->judges.join();
    shared_->settings.record = nullptr;
  }

  Status adopt(Fd listening, bool tls) {
    auto& current = listeners_[tls];
    if (current && current->is(listening)) return ok();
    auto listener = std::make_shared<Listener>(shared_, tls);
    TRYV(listener->adopt(std::move(listening)));
    if (current) current->retire();
    current = std::move(listener);
    return ok();
  }

  void stop() {
    shared_->stopping = true;
    for (const auto& [tls, listener] : listeners_) {
      if (listener) listener->stop();
    }
    for (const auto& [pointer, weak] : shared_->sessions) {
      if (const auto session = weak.lock()) session->stop();
    }
  }

  [[nodiscard]] ProxyStats stats() const {
    return {.connections = shared_->sessions.size(),
            .over_quota = shared_->over_quota,
            .buffered_bytes = shared_->buffered};
  }

 private:
  std::shared_ptr<Shared> shared_;
  std::map<bool, std::shared_ptr<Listener>> listeners_;  ///< with TLS, and without
};

Proxy::Proxy(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Proxy::~Proxy() = default;

Result<std::unique_ptr<Proxy>> Proxy::make(asio::io_context& io, ProxySettings settings) {
  auto shared = std::make_shared<Shared>(io, std::move(settings));
  TRYV(set_up_tls(shared->tls, shared->settings.certificate));
  return std::unique_ptr<Proxy>(new Proxy(std::make_shared<Impl>(std::move(shared))));
}

Status Proxy::adopt(Fd listening, bool tls) {
  return impl_->adopt(std::move(listening), tls);
}

void Proxy::stop() {
  impl_->stop();
}

ProxyStats Proxy::stats() const {
  return impl_->stats();
}

}  // namespace caisson::endpoints
