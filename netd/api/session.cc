#include "netd/api/session.hh"

#include <sys/random.h>

#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace caisson::netd::api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Protocol = asio::generic::stream_protocol;

/// A random UUID (RFC 4122, version 4), as AWS identifies requests.
std::string make_request_id() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return "unknown";
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 0x0f];
  }
  return text;
}

class HttpSession final : public Session, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(Protocol::socket socket, const SessionContext& context, bool trust_account,
              std::function<void()> closed)
      : stream_(std::move(socket)),
        context_(context),
        trust_account_(trust_account),
        closed_(std::move(closed)) {}
  // The last holder may be the backend's thread, but the listener is the io_context's.
  ~HttpSession() override { asio::post(stream_.get_executor(), std::move(closed_)); }

  void start() override {
    asio::dispatch(stream_.get_executor(),
                   beast::bind_front_handler(&HttpSession::read_header, shared_from_this()));
  }

  void stop() override {
    stopping_ = true;
    if (idle_) stream_.cancel();
  }

 private:
  void read_header() {
    parser_.emplace();
    parser_->header_limit(context_.limits.header_bytes);
    parser_->body_limit(context_.limits.body_bytes);
    request_id_ = make_request_id();
    idle_ = true;
    stream_.expires_after(context_.limits.idle);
    http::async_read_header(stream_, buffer_, *parser_,
                            beast::bind_front_handler(&HttpSession::on_header, shared_from_this()));
  }

  void on_header(beast::error_code error, std::size_t) {
    idle_ = false;
    if (error) return refuse(error);
    if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) return read_body();
    go_on_.emplace(http::status::continue_, parser_->get().version());
    stream_.expires_after(context_.limits.transfer);
    http::async_write(stream_, *go_on_,
                      [self = shared_from_this()](beast::error_code write_error, std::size_t) {
                        if (!write_error) self->read_body();
                      });
  }

  void read_body() {
    stream_.expires_after(context_.limits.transfer);
    http::async_read(stream_, buffer_, *parser_,
                     beast::bind_front_handler(&HttpSession::on_request, shared_from_this()));
  }

  void on_request(beast::error_code error, std::size_t) {
    if (error) return refuse(error);
    auto message = parser_->release();
    keep_alive_ = message.keep_alive();
    HttpRequest request{.method = std::string(message.method_string()),
                        .target = std::string(message.target()),
                        .body = std::move(message.body()),
                        .request_id = request_id_};
    if (trust_account_) request.account = std::string(message["X-Caisson-Account"]);
    stream_.expires_never();  // the writer has time-outs of its own
    dispatch(std::move(request), context_.backend, context_.blocking,
             [self = shared_from_this()](HttpReply reply) {
               asio::post(self->stream_.get_executor(),
                          [self, reply = std::move(reply)]() mutable { self->write(std::move(reply)); });
             });
  }

  /// A request that HTTP's own rules or the limits forbid.
  void refuse(beast::error_code error) {
    keep_alive_ = false;
    HttpReply reply;
    if (error == http::error::body_limit) {
      reply = error_reply(
          {.code = "RequestEntityTooLarge",
           .message = "A request has at most " + std::to_string(context_.limits.body_bytes) + " bytes"},
          request_id_);
    } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      reply = error_reply({.code = "InvalidRequest", .message = "The header is too long"}, request_id_);
      reply.status = 431;
    } else if (error.category() == http::make_error_code(http::error::bad_method).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      reply = error_reply({.code = "InvalidRequest", .message = "This is not HTTP: " + error.message()},
                          request_id_);
    } else {
      return;  // closed by the peer, or timed out: nobody listens
    }
    write(std::move(reply));
  }

  void write(HttpReply reply) {
    keep_alive_ = keep_alive_ && !stopping_;
    response_.emplace(static_cast<http::status>(reply.status), 11);
    response_->set(http::field::content_type, reply.content_type);
    response_->set("x-amzn-requestid", request_id_);
    response_->keep_alive(keep_alive_);
    response_->body() = std::move(reply.body);
    response_->prepare_payload();
    stream_.expires_after(context_.limits.transfer);
    http::async_write(stream_, *response_,
                      beast::bind_front_handler(&HttpSession::on_written, shared_from_this()));
  }

  void on_written(beast::error_code error, std::size_t) {
    if (error) return;
    if (keep_alive_ && !stopping_) return read_header();  // stop() may have come while the reply was written
    beast::error_code ignored;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
    stream_.expires_after(context_.limits.transfer);
    drain();
  }

  /// Reads what the peer still sends: closing over unread bytes would reset the connection, and the reply
  /// with it.
  void drain() {
    stream_.async_read_some(asio::buffer(discarded_),
                            [self = shared_from_this()](beast::error_code error, std::size_t bytes) {
                              self->drained_ += bytes;
                              if (!error && self->drained_ <= 2 * self->context_.limits.body_bytes)
                                self->drain();
                            });
  }

  beast::basic_stream<Protocol> stream_;
  const SessionContext& context_;
  bool trust_account_;
  std::function<void()> closed_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::empty_body>> go_on_;
  std::optional<http::response<http::string_body>> response_;
  std::string request_id_;
  std::array<char, 4096> discarded_{};
  std::size_t drained_ = 0;
  bool keep_alive_ = false;
  bool idle_ = false;
  bool stopping_ = false;
};

}  // namespace

std::shared_ptr<Session> make_session(Protocol::socket socket, const SessionContext& context,
                                      bool trust_account, std::function<void()> closed) {
  return std::make_shared<HttpSession>(std::move(socket), context, trust_account, std::move(closed));
}

}  // namespace caisson::netd::api
