#include "base/http/session.hh"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <ctime>

#include "base/hex.hh"
#include "base/http/peer.hh"

namespace caisson::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using Protocol = asio::generic::stream_protocol;

/// What a client may still send after a reply that closes its connection.
constexpr std::size_t kMaxDrained = 2 << 20;

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lowered;
}

std::optional<unsigned> uid_of_peer(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

class HttpSession final : public Session, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(Protocol::socket socket, std::shared_ptr<Shared> shared, bool unix_socket, SessionHooks hooks)
      : stream_(std::move(socket)),
        shared_(std::move(shared)),
        unix_socket_(unix_socket),
        hooks_(std::move(hooks)) {
    if (unix_socket_) {
      peer_uid_ = uid_of_peer(stream_.socket().native_handle());
      operator_ = is_operator(stream_.socket().native_handle());
    }
    ++shared_->connections;
  }
  // The last holder may be a handler's thread, but the listener is the io_context's.
  ~HttpSession() override {
    release();
    --shared_->connections;
    asio::post(stream_.get_executor(), std::move(hooks_.closed));
  }

  void start() override {
    asio::dispatch(stream_.get_executor(),
                   beast::bind_front_handler(&HttpSession::read_header, shared_from_this()));
  }

  void stop() override {
    stopping_ = true;
    if (waits_since_) stream_.cancel();
  }

  [[nodiscard]] std::optional<std::uint64_t> waits_since() const override { return waits_since_; }

 private:
  void read_header() {
    if (buffer_.size() == 0) buffer_.shrink_to_fit();  // many idle connections must cost little
    request_id_ = make_request_id();
    request_ = {.operator_socket = operator_, .peer_uid = peer_uid_, .request_id = request_id_};
    parser_.emplace();
    parser_->header_limit(shared_->limits.header_bytes);
    parser_->body_limit(boost::none);
    waits_since_ = ++shared_->turn;
    stream_.expires_after(shared_->limits.idle);
    bhttp::async_read_header(stream_, buffer_, *parser_,
                             beast::bind_front_handler(&HttpSession::on_header, shared_from_this()));
  }

  void on_header(beast::error_code error, std::size_t) {
    waits_since_.reset();
    if (error) return refuse(error);
    take_head();
    // RFC 9112, section 6.3 allows it. No client of these APIs sends chunks, and Beast 1.81 asserts what their
    // sender decides: that no more than one read falls between a last chunk's line and the message's end.
    if (parser_->chunked()) return refuse(Refusal::kLengthRequired);
    const std::size_t limit = shared_->handlers.body_limit(request_);
    if (parser_->content_length().value_or(0) > limit) return refuse(Refusal::kBodyTooLarge);
    parser_->body_limit(limit);
    if (!beast::iequals(request_.header("expect"), "100-continue")) return read_body();
    go_on_.emplace(bhttp::status::continue_, parser_->get().version());
    stream_.expires_after(shared_->limits.transfer);
    bhttp::async_write(stream_, *go_on_,
                       [self = shared_from_this()](beast::error_code write_error, std::size_t) {
                         if (!write_error) self->read_body();
                       });
  }

  void take_head() {
    const auto& message = parser_->get();
    request_.method = std::string(message.method_string());
    request_.target = std::string(message.target());
    request_.received = std::time(nullptr);
    for (const auto& field : message.base()) {
      const std::string name = lower({field.name_string().data(), field.name_string().size()});
      const auto [place, first] = request_.headers.emplace(name, field.value());
      if (!first) place->second += "," + std::string(field.value());
    }
  }

  void read_body() {
    if (parser_->is_done()) return on_request();
    stream_.expires_after(shared_->limits.transfer);
    piece_ = std::make_unique<Piece>();
    read_piece();
  }

  /// Memory is taken as the bytes come: what a client announces costs nobody a place.
  void read_piece() {
    parser_->get().body().data = piece_->data();
    parser_->get().body().size = piece_->size();
    bhttp::async_read_some(stream_, buffer_, *parser_,
                           beast::bind_front_handler(&HttpSession::on_piece, shared_from_this()));
  }

  void on_piece(beast::error_code error, std::size_t) {
    if (error && error != bhttp::error::need_buffer) return refuse(error);
    const std::size_t came = piece_->size() - parser_->get().body().size;
    if (!hold(came)) return refuse(Refusal::kBusy);
    request_.body.append(piece_->data(), came);
    if (!parser_->is_done()) return read_piece();
    piece_.reset();
    on_request();
  }

  void on_request() {
    keep_alive_ = parser_->get().keep_alive();
    stream_.expires_never();  // what handles requests has time-outs of its own
    shared_->handlers.handle(std::move(request_), [self = shared_from_this()](Response reply) {
      asio::post(self->stream_.get_executor(),
                 [self, reply = std::move(reply)]() mutable { self->write(std::move(reply)); });
    });
  }

  /// A request that HTTP's own rules or the limits forbid.
  void refuse(beast::error_code error) {
    if (error == bhttp::error::body_limit) return refuse(Refusal::kBodyTooLarge);
    if (error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow) {
      return refuse(Refusal::kHeaderTooLong);
    }
    const bool malformed = error.category() == make_error_code(bhttp::error::bad_method).category() &&
                           error != bhttp::error::end_of_stream && error != bhttp::error::partial_message;
    if (malformed) refuse(Refusal::kMalformed);
    // Else it was closed by the peer, or timed out: nobody listens.
  }

  void refuse(Refusal why) {
    if (why == Refusal::kBusy) ++shared_->refused;
    keep_alive_ = false;
    unread_ = true;
    piece_.reset();
    write(shared_->handlers.refuse(why, request_));
  }

  void write(Response reply) {
    // A crowd takes turns: who got an answer makes room.
    keep_alive_ = keep_alive_ && !stopping_ && !hooks_.crowded();
    release();
    add(reply.body.size());
    response_.emplace(static_cast<bhttp::status>(reply.status), 11);
    response_->set("x-amzn-RequestId", request_id_);
    for (const auto& [name, value] : reply.headers)
      response_->set(name, value);
    if (!reply.content_type.empty()) response_->set(bhttp::field::content_type, reply.content_type);
    response_->keep_alive(keep_alive_);
    response_->body() = std::move(reply.body);
    if (reply.status != 204) response_->prepare_payload();
    stream_.expires_after(shared_->limits.transfer);
    bhttp::async_write(stream_, *response_,
                       beast::bind_front_handler(&HttpSession::on_written, shared_from_this()));
  }

  void on_written(beast::error_code error, std::size_t) {
    response_.reset();
    parser_.reset();
    release();
    if (error) return;
    if (keep_alive_ && !stopping_) return read_header();  // stop() may have come while the reply was written
    beast::error_code ignored;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
    if (!unread_ || hooks_.crowded()) return;
    stream_.expires_after(shared_->limits.transfer);
    drain();
  }

  /// Reads what the peer still sends of a refused request: closing over unread bytes would reset the connection,
  /// and the reply with it.
  void drain() {
    waits_since_ = ++shared_->turn;
    stream_.async_read_some(asio::buffer(discarded_),
                            [self = shared_from_this()](beast::error_code error, std::size_t bytes) {
                              self->drained_ += bytes;
                              if (!error && self->drained_ <= kMaxDrained) self->drain();
                            });
  }

  bool hold(std::size_t bytes) {
    if (bytes != 0 && !shared_->budget.take(bytes, held_)) return false;
    held_ += bytes;
    return true;
  }
  void add(std::size_t bytes) {
    shared_->budget.add(bytes);
    held_ += bytes;
  }
  void release() { shared_->budget.give_back(std::exchange(held_, 0)); }

  beast::basic_stream<Protocol> stream_;
  const std::shared_ptr<Shared> shared_;
  const bool unix_socket_;
  SessionHooks hooks_;
  std::optional<unsigned> peer_uid_;
  bool operator_ = false;
  beast::flat_buffer buffer_;
  std::optional<bhttp::request_parser<bhttp::buffer_body>> parser_;
  using Piece = std::array<char, 16 * 1024>;
  std::unique_ptr<Piece> piece_;  ///< of a body that is being read
  std::optional<bhttp::response<bhttp::empty_body>> go_on_;
  std::optional<bhttp::response<bhttp::string_body>> response_;
  Request request_;
  std::string request_id_;
  std::optional<std::uint64_t> waits_since_;
  std::array<char, 1024> discarded_{};
  std::size_t drained_ = 0;
  std::size_t held_ = 0;
  bool keep_alive_ = false;
  bool unread_ = false;
  bool stopping_ = false;
};

}  // namespace

std::string make_request_id() {
  return random_uuid();
}

std::shared_ptr<Session> make_session(Protocol::socket socket, std::shared_ptr<Shared> shared,
                                      bool unix_socket, SessionHooks hooks) {
  return std::make_shared<HttpSession>(std::move(socket), std::move(shared), unix_socket, std::move(hooks));
}

}  // namespace caisson::http
