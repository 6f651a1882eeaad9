#include "runner/api/server.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <optional>

namespace caisson::runner {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
// One kind of session for TCP and unix sockets halves what the compiler has to do.
using Protocol = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Protocol>;

constexpr std::chrono::seconds kIdleTimeout{120};
constexpr std::chrono::seconds kBodyTimeout{120};
constexpr std::uint32_t kMaxHeaderBytes = 64 * 1024;

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lowered;
}

HttpRequest to_value(http::request<http::string_body>&& message, bool operator_socket) {
  HttpRequest request{.method = std::string(message.method_string()),
                      .target = std::string(message.target()),
                      .headers = {},
                      .body = std::move(message.body()),
                      .operator_socket = operator_socket};
  for (const auto& field : message.base()) {
    request.headers.emplace(lower({field.name_string().data(), field.name_string().size()}),
                            std::string(field.value()));
  }
  return request;
}

http::response<http::string_body> to_message(HttpResponse&& value, unsigned version, bool keep_alive) {
  http::response<http::string_body> message;
  message.version(version);
  message.result(value.status);
  for (const auto& [name, text] : value.headers)
    message.set(name, text);
  if (!value.content_type.empty()) message.set(http::field::content_type, value.content_type);
  message.keep_alive(keep_alive);
  message.body() = std::move(value.body);
  if (value.status != 204) message.prepare_payload();
  return message;
}

/// One connection: read a header, judge its size limit, read the body, hand over, write the answer, again.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Protocol::socket socket, const ServerSettings& settings, asio::thread_pool& workers,
          bool operator_socket)
      : stream_(std::move(socket)),
        settings_(settings),
        workers_(workers),
        operator_socket_(operator_socket) {}

  void read_header() {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(boost::none);
    stream_.expires_after(kIdleTimeout);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](error_code failed, std::size_t) {
                              if (!failed) return self->judge();
                              if (failed == http::error::header_limit ||
                                  failed.category() == http::make_error_code(http::error{}).category()) {
                                if (failed != http::error::end_of_stream)
                                  return self->refuse(400, "malformed request");
                              }
                            });
  }

 private:
  void judge() {
    method_ = std::string(parser_->get().method_string());
    target_ = std::string(parser_->get().target());
    const std::size_t limit = settings_.body_limit(method_, target_);
    const auto length = parser_->content_length();
    if (length && *length > limit) return write(settings_.too_large(method_, target_), false);
    parser_->body_limit(limit);
    if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) return write_continue();
    read_body();
  }

  void write_continue() {
    auto message = std::make_shared<http::response<http::empty_body>>(http::status::continue_, 11);
    http::async_write(stream_, *message,
                      [self = shared_from_this(), message](error_code failed, std::size_t) {
                        if (!failed) self->read_body();
                      });
  }

  void read_body() {
    stream_.expires_after(kBodyTimeout);
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](error_code failed, std::size_t) {
      if (failed == http::error::body_limit) {
        return self->write(self->settings_.too_large(self->method_, self->target_), false);
      }
      if (!failed) self->hand_over();
    });
  }

  void hand_over() {
    // An invocation may take fifteen minutes.
    stream_.expires_never();
    const bool keep_alive = parser_->get().keep_alive();
    auto request = std::make_shared<HttpRequest>(to_value(parser_->release(), operator_socket_));
    asio::post(workers_, [self = shared_from_this(), request, keep_alive] {
      auto response = std::make_shared<HttpResponse>(self->settings_.handle(*request));
      asio::post(self->stream_.get_executor(),
                 [self, response, keep_alive] { self->write(std::move(*response), keep_alive); });
    });
  }

  void refuse(unsigned status, const char* message) {
    write({.status = status, .headers = {}, .content_type = "text/plain", .body = message}, false);
  }

  void write(HttpResponse value, bool keep_alive) {
    auto message =
        std::make_shared<http::response<http::string_body>>(to_message(std::move(value), 11, keep_alive));
    stream_.expires_after(kBodyTimeout);
    http::async_write(stream_, *message,
                      [self = shared_from_this(), message, keep_alive](error_code failed, std::size_t) {
                        if (failed) return;
                        if (keep_alive) return self->read_header();
                        error_code ignored;
                        self->stream_.socket().shutdown(Protocol::socket::shutdown_send, ignored);
                      });
  }

  Stream stream_;
  const ServerSettings& settings_;
  asio::thread_pool& workers_;
  const bool operator_socket_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string method_;
  std::string target_;
};

template <class Acceptor>
Status open(Acceptor& acceptor, const typename Acceptor::endpoint_type& endpoint, const std::string& name) {
  error_code failed;
  acceptor.open(endpoint.protocol(), failed);
  if (!failed) acceptor.set_option(asio::socket_base::reuse_address(true), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) return Error::system(failed.value(), "listen on", name);
  return ok();
}

}  // namespace

struct Server::Impl {
  explicit Impl(ServerSettings given)
      : settings(std::move(given)), workers(settings.workers), tcp(io), local(io) {}

  template <class Acceptor>
  void accept(Acceptor& acceptor, bool operator_socket) {
    acceptor.async_accept([this, &acceptor, operator_socket](error_code failed, auto socket) {
      if (failed == asio::error::operation_aborted) return;
      if (!failed) {
        std::make_shared<Session>(Protocol::socket(std::move(socket)), settings, workers, operator_socket)
            ->read_header();
      }
      accept(acceptor, operator_socket);
    });
  }

  ServerSettings settings;
  asio::io_context io{1};
  asio::thread_pool workers;
  asio::ip::tcp::acceptor tcp;
  asio::local::stream_protocol::acceptor local;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() {
  if (!impl_->settings.socket_path.empty()) (void)::unlink(impl_->settings.socket_path.c_str());
}

Result<std::unique_ptr<Server>> Server::listen(ServerSettings settings) {
  std::unique_ptr<Server> server(new Server(std::make_unique<Impl>(std::move(settings))));
  Impl& impl = *server->impl_;
  const std::string name = impl.settings.address + ":" + std::to_string(impl.settings.port);
  error_code failed;
  const auto address = asio::ip::make_address(impl.settings.address, failed);
  if (failed) return Error::system(EINVAL, "listen on", name);
  TRYV(open(impl.tcp, {address, impl.settings.port}, name));
  if (!impl.settings.socket_path.empty()) {
    (void)::unlink(impl.settings.socket_path.c_str());
    TRYV(open(impl.local, asio::local::stream_protocol::endpoint(impl.settings.socket_path),
              impl.settings.socket_path));
    if (::chmod(impl.settings.socket_path.c_str(), 0660) != 0) {
      return Error::system(errno, "set the mode of", impl.settings.socket_path);
    }
    impl.accept(impl.local, true);
  }
  impl.accept(impl.tcp, false);
  return server;
}

void Server::run() {
  impl_->io.run();
  impl_->workers.join();
}

void Server::stop() {
  impl_->io.stop();
}

unsigned short Server::port() const {
  error_code ignored;
  return impl_->tcp.local_endpoint(ignored).port();
}

}  // namespace caisson::runner
