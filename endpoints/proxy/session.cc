#include "endpoints/proxy/session.hh"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <chrono>
#include <functional>

#include "base/http/message.hh"
#include "endpoints/proxy/client_stream.hh"
#include "endpoints/proxy/forward.hh"
#include "endpoints/proxy/judge.hh"

namespace caisson::endpoints {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using Code = beast::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kPieceBytes = 65'536;
constexpr std::size_t kBufferBytes = 2 * kPieceBytes;
/// What a client may still send of a request that was refused, and for how long, before its connection is closed.
constexpr std::size_t kMaxDrained = 8U << 20;
constexpr std::chrono::seconds kDrainTime{5};
/// "0", CRLF, CRLF. With fewer bytes of a first chunk Beast 1.81 asserts that there are more.
constexpr std::size_t kShortestChunked = 5;
constexpr std::chrono::seconds kConnectTime{5};
/// A backend closes idle connections after five seconds (Node's default): none is used that could be about to.
constexpr std::chrono::seconds kBackendIdle{2};

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lowered;
}

template <class Fields>
sigv4::Headers headers_of(const Fields& fields) {
  sigv4::Headers headers;
  for (const auto& field : fields) {
    const auto [place, first] =
        headers.emplace(lower({field.name_string().data(), field.name_string().size()}), field.value());
    if (!first) place->second += "," + std::string(field.value());
  }
  return headers;
}

std::int64_t microseconds_since_1970() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Peer peer_of(const asio::ip::tcp::socket& socket) {
  Code error;
  const auto remote = socket.remote_endpoint(error);
  const auto local = error ? remote : socket.local_endpoint(error);
  if (error) return {};
  return {.address = Ipv4Address{remote.address().to_v4().to_uint()},
          .port = remote.port(),
          .local_address = Ipv4Address{local.address().to_v4().to_uint()},
          .local_port = local.port()};
}

class ProxySession final : public Session, public std::enable_shared_from_this<ProxySession> {
 public:
  ProxySession(asio::ip::tcp::socket socket, bool tls, std::shared_ptr<Shared> shared)
      : shared_(std::move(shared)),
        limits_(shared_->settings.limits),
        peer_(peer_of(socket)),
        client_stream_(std::move(socket), shared_->tls, tls),
        backend_stream_(shared_->io) {}
  ~ProxySession() override {
    end_request();
    release_buffered();
    shared_->sessions.erase(this);
    if (!admitted_) return;
    const auto place = shared_->by_account.find(client_.account);
    if (--place->second == 0) shared_->by_account.erase(place);
  }

  void start() override {
    asio::post(shared_->judges, [self = shared_from_this()]() mutable {
      auto resolved = self->shared_->settings.sources.resolve(self->peer_);
      auto& io = self->shared_->io;
      asio::post(io, [self = std::move(self), resolved = std::move(resolved)]() mutable {
        self->on_client(std::move(resolved));
      });
    });
  }

  void stop() override {
    if (waits_) client_stream_.tcp().cancel();
  }

 private:
  void on_client(Result<Client> resolved) {
    if (!resolved) return;  // the network knows nobody there any more
    client_ = std::move(resolved).value();
    auto& held = shared_->by_account[client_.account];
    if (held >= limits_.connections_per_account) {
      ++shared_->over_quota;
      return;
    }
    ++held;
    admitted_ = true;
    client_stream_.tcp().expires_after(limits_.head);
    if (!client_stream_.tls()) return read_head();
    client_stream_.async_handshake([self = shared_from_this()](Code error) {
      if (!error) self->read_head();
    });
  }

  // --- the request's head

  void read_head() {
    if (client_buffer_.size() == 0) client_buffer_.shrink_to_fit();
    request_.emplace();
    request_->header_limit(static_cast<std::uint32_t>(limits_.head_bytes));
    request_->body_limit(boost::none);
    waits_ = true;
    client_stream_.tcp().expires_after(served_ ? limits_.idle : limits_.head);
    bhttp::async_read_header(client_stream_, client_buffer_, *request_,
                             beast::bind_front_handler(&ProxySession::on_head, shared_from_this()));
  }

  void on_head(Code error, std::size_t) {
    waits_ = false;
    served_ = true;
    if (error) return on_bad_head(error);
    begin_request();
    const auto& message = request_->get();
    auto& head = question_.head;
    head.method = std::string(message.method_string());
    head.target = std::string(message.target());
    head.headers = headers_of(message.base());
    head.host = lower(head.headers.contains("host") ? head.headers.at("host") : "");
    head.host.resize(std::min(head.host.size(), head.host.find(':')));
    question_.secure = client_stream_.tls();
    question_.now = record_.time_us / 1'000'000;
    question_.chunked = request_->chunked();
    if (request_->content_length()) question_.content_length = *request_->content_length();
    const auto* service = find_service(shared_->settings.services, head.host);
    const auto next = service != nullptr && service->json && !request_->is_done() ? &ProxySession::buffer_body
                                                                                  : &ProxySession::ask_judge;
    (this->*next)();
  }

  void on_bad_head(Code error) {
    if (error == bhttp::error::end_of_stream ||
        error.category() != make_error_code(bhttp::error::bad_method).category())
      return;
    begin_request();
    const bool long_head = error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow;
    refuse({.status = 400,
            .code = long_head ? "RequestHeaderSectionTooLarge" : "InvalidRequest",
            .message = long_head ? "Your request header section exceeds the maximum allowed size."
                                 : "The request is not HTTP/1.1."});
  }

  void begin_request() {
    question_ = {};
    judgement_ = {};
    begun_ = Clock::now();
    in_request_ = true;
    record_ = {.time_us = microseconds_since_1970(),
               .account = client_.account,
               .function = client_.function,
               .request_id = http::make_request_id(),
               .endpoint = client_.endpoint,
               .peer = peer_,
               .eni = client_.eni,
               .source = client_.private_address};
  }

  void end_request() {
    if (!std::exchange(in_request_, false)) return;
    record_.latency_us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun_).count());
    if (judgement_.service != nullptr) record_.service = judgement_.service->name;
    // An interface may be several functions'; a session is one's.
    if (!judgement_.function.empty()) record_.function = judgement_.function;
    record_.action = judgement_.action;
    record_.resource = judgement_.resource;
    record_.decision = judgement_.decision;
    record_.statement = judgement_.statement;
    if (shared_->settings.record) shared_->settings.record(record_);
  }

  // --- a body that has to be read whole before it can be judged

  void buffer_body() {
    if (question_.chunked) {
      return refuse(
          {.status = 411, .code = "MissingContentLength", .message = "You must provide a Content-Length."});
    }
    if (question_.content_length.value_or(0) > limits_.json_body_bytes)
      return refuse({.status = 413, .code = "RequestEntityTooLarge", .message = "The request is too large."});
    go_on(&ProxySession::buffer_piece);
  }

  void buffer_piece() {
    if (request_->is_done()) return ask_judge();
    read_piece([self = shared_from_this()](std::string_view piece) {
      auto& held = self->shared_->buffered;
      if (held + piece.size() > self->limits_.buffered_bytes)
        return self->refuse(
            {.status = 503, .code = "ServiceUnavailable", .message = "Please reduce your rate."});
      held += piece.size();
      self->buffered_ += piece.size();
      self->question_.body += piece;
      self->buffer_piece();
    });
  }

  void release_buffered() { shared_->buffered -= std::exchange(buffered_, 0); }

  void ask_judge() {
    client_stream_.tcp().expires_never();
    asio::post(shared_->judges, [self = shared_from_this()]() mutable {
      const auto& settings = self->shared_->settings;
      // The session waits: nobody else touches these.
      self->judgement_ =
          judge(settings.services, settings.region, settings.sources, self->client_, self->question_);
      auto& io = self->shared_->io;
      asio::post(io, [self = std::move(self)] { self->on_judged(); });
    });
  }

  void on_judged() {
    if (!judgement_.forward) return refuse(judgement_.refusal);
    head_sent_ = false;
    if (judgement_.service->rest) return go_on(&ProxySession::begin_body);
    content_ = std::move(question_.body);
    write_content([self = shared_from_this()] {
      self->release_buffered();
      self->read_answer();
    });
  }

  // --- the backend

  /// Once the backend has the request's head. It comes with the body's first bytes or its end, so a short body that is not
  /// what was signed never gets there.
  void with_backend(std::function<void()> then) {
    if (std::exchange(head_sent_, true)) return then();
    const auto& backend = judgement_.forward->backend;
    Code error;
    const asio::ip::tcp::endpoint place(asio::ip::make_address(backend.address, error), backend.port);
    if (error) return unavailable();
    if (place == backend_place_ && backend_is_fresh()) return send_head(std::move(then));
    backend_stream_.close();
    backend_buffer_.clear();
    backend_place_ = place;
    backend_stream_.expires_after(kConnectTime);
    backend_stream_.async_connect(place,
                                  [self = shared_from_this(), then = std::move(then)](Code failed) mutable {
                                    failed ? self->unavailable() : self->send_head(std::move(then));
                                  });
  }

  /// Is the connection of the last request still of use?
  bool backend_is_fresh() {
    if (!backend_stream_.socket().is_open() || Clock::now() - backend_used_ > kBackendIdle) return false;
    char byte = 0;
    const auto got = ::recv(backend_stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && errno == EAGAIN && backend_buffer_.size() == 0;
  }

  void unavailable() {
    backend_stream_.close();
    refuse({.status = 503, .code = "ServiceUnavailable", .message = "Service is unable to handle request."});
  }

  void send_head(std::function<void()> then) {
    const auto& forward = *judgement_.forward;
    // HTTP/1.0 with keep-alive: the answer comes with a length, or ends with the connection, but not in chunks.
    backend_head_.emplace(bhttp::verb::unknown, forward.target, 10);
    backend_head_->method_string(question_.head.method);
    for (const auto& [name, value] : forward.headers)
      backend_head_->set(name, value);
    backend_head_->set(bhttp::field::connection, "keep-alive");
    if (forward.content_length) backend_head_->content_length(*forward.content_length);
    backend_stream_.expires_after(limits_.idle);
    bhttp::async_write(backend_stream_, *backend_head_,
                       [self = shared_from_this(), then = std::move(then)](Code error, std::size_t) {
                         error ? self->unavailable() : then();
                       });
  }

  /// Answers Expect: 100-continue, if the client waits for it.
  void go_on(void (ProxySession::*then)()) {
    const bool waits = beast::iequals(
        question_.head.headers.contains("expect") ? question_.head.headers.at("expect") : "", "100-continue");
    if (!waits || request_->is_done() || std::exchange(continued_, true)) return (this->*then)();
    go_on_.emplace(bhttp::status::continue_, 11);
    client_stream_.tcp().expires_after(limits_.idle);
    bhttp::async_write(client_stream_, *go_on_, [self = shared_from_this(), then](Code error, std::size_t) {
      if (!error) (self.get()->*then)();
    });
  }

  void begin_body() {
    if (!question_.chunked || client_buffer_.size() >= kShortestChunked) return pass_piece();
    client_stream_.tcp().expires_after(limits_.idle);
    client_stream_.async_read_some(client_buffer_.prepare(kShortestChunked),
                                   [self = shared_from_this()](Code error, std::size_t bytes) {
                                     if (error) return;
                                     self->client_buffer_.commit(bytes);
                                     self->begin_body();
                                   });
  }

  void pass_piece() {
    if (request_->is_done()) {
      const Status whole = judgement_.forward->body.finish();
      if (!whole) return spoil(whole.error());
      return with_backend([self = shared_from_this()] { self->read_answer(); });
    }
    read_piece([self = shared_from_this()](std::string_view piece) {
      self->content_.clear();
      const Status fed = self->judgement_.forward->body.feed(piece, self->content_);
      if (!fed) return self->spoil(fed.error());
      self->write_content([self] { self->pass_piece(); });
    });
  }

  /// The body is not what was signed: the backend must not take it for whole.
  void spoil(const Error& error) {
    backend_stream_.close();
    judgement_.decision = "Refused";
    refuse(refusal_of(judgement_.service, error));
  }

  template <class Then>
  void read_piece(Then then) {
    if (!piece_) piece_ = std::make_unique_for_overwrite<Piece>();
    request_->get().body().data = piece_->data();
    request_->get().body().size = piece_->size();
    client_stream_.tcp().expires_after(limits_.idle);
    bhttp::async_read_some(client_stream_, client_buffer_, *request_,
                           [self = shared_from_this(), then](Code error, std::size_t) {
                             if (error && error != bhttp::error::need_buffer) return;  // the client is gone
                             const auto came = self->piece_->size() - self->request_->get().body().size;
                             self->record_.bytes_in += came;
                             then(std::string_view(self->piece_->data(), came));
                           });
  }

  void write_content(std::function<void()> then) {
    if (content_.empty()) return then();
    with_backend([self = shared_from_this(), then = std::move(then)] {
      self->backend_stream_.expires_after(self->limits_.idle);
      asio::async_write(self->backend_stream_, asio::buffer(self->content_),
                        [self, then](Code error, std::size_t) {
                          // It may have answered before it had all.
                          error ? self->read_answer() : then();
                        });
    });
  }

  // --- the answer

  void read_answer() {
    answer_.emplace();
    answer_->body_limit(boost::none);
    answer_->skip(question_.head.method == "HEAD");
    backend_stream_.expires_after(limits_.backend);
    bhttp::async_read_header(backend_stream_, backend_buffer_, *answer_,
                             [self = shared_from_this()](Code error, std::size_t) {
                               if (error || self->answer_->chunked()) return self->unavailable();
                               self->pass_answer();
                             });
  }

  void pass_answer() {
    const auto& from = answer_->get();
    record_.status = from.result_int();
    keep_alive_ = request_->get().keep_alive() && request_->is_done() && !shared_->stopping;
    to_client_.emplace(from.result(), 11);
    for (const auto& field : from.base()) {
      if (!ends_here(lower({field.name_string().data(), field.name_string().size()})))
        to_client_->insert(field.name_string(), field.value());
    }
    to_client_->set("x-amz-request-id", record_.request_id);
    // Without a length it ends with the connection, for an HTTP/1.0 client; others get chunks.
    const auto length = from.find(bhttp::field::content_length);
    if (length != from.end()) {
      to_client_->set(bhttp::field::content_length, length->value());
    } else if (!answer_->is_done()) {
      to_client_->chunked(request_->get().version() >= 11);
      keep_alive_ = keep_alive_ && request_->get().version() >= 11;
    }
    to_client_->keep_alive(keep_alive_);
    to_client_->body().data = nullptr;
    to_client_->body().more = !answer_->is_done();
    serializer_.emplace(*to_client_);
    client_stream_.tcp().expires_after(limits_.idle);
    bhttp::async_write_header(client_stream_, *serializer_,
                              [self = shared_from_this()](Code error, std::size_t) {
                                if (!error)
                                  self->answer_->is_done() ? self->answered() : self->read_answer_piece();
                              });
  }

  void read_answer_piece() {
    if (!piece_) piece_ = std::make_unique_for_overwrite<Piece>();
    answer_->get().body().data = piece_->data();
    answer_->get().body().size = piece_->size();
    backend_stream_.expires_after(limits_.idle);
    bhttp::async_read_some(
        backend_stream_, backend_buffer_, *answer_, [self = shared_from_this()](Code error, std::size_t) {
          if (error && error != bhttp::error::need_buffer) return;  // the client sees a short body
          self->write_answer_piece(self->piece_->size() - self->answer_->get().body().size);
        });
  }

  void write_answer_piece(std::size_t came) {
    record_.bytes_out += came;
    auto& body = to_client_->body();
    body.data = came == 0 ? nullptr : piece_->data();
    body.size = came;
    body.more = !answer_->is_done();
    client_stream_.tcp().expires_after(limits_.idle);
    bhttp::async_write(client_stream_, *serializer_, [self = shared_from_this()](Code error, std::size_t) {
      if (error && error != bhttp::error::need_buffer) return;
      self->answer_->is_done() ? self->answered() : self->read_answer_piece();
    });
  }

  void answered() {
    if (!answer_->get().keep_alive() || !request_->is_done()) backend_stream_.close();
    backend_used_ = Clock::now();
    next();
  }

  // --- refusals, and what comes after an answer

  void refuse(const Refusal& refusal) {
    release_buffered();
    record_.status = refusal.status;
    keep_alive_ = request_->is_header_done() && request_->is_done() && request_->get().keep_alive() &&
                  !shared_->stopping;
    auto body = error_body(judgement_.service, refusal, judgement_.resource, record_.request_id);
    refusal_.emplace(static_cast<bhttp::status>(refusal.status), 11);
    refusal_->set("x-amz-request-id", record_.request_id);
    refusal_->set("x-amzn-RequestId", record_.request_id);
    refusal_->set(bhttp::field::content_type, body.content_type);
    refusal_->keep_alive(keep_alive_);
    if (question_.head.method != "HEAD") {
      refusal_->body() = std::move(body.body);
      refusal_->prepare_payload();
    } else {
      refusal_->content_length(0);
    }
    record_.bytes_out += refusal_->body().size();
    client_stream_.tcp().expires_after(limits_.idle);
    bhttp::async_write(client_stream_, *refusal_, [self = shared_from_this()](Code error, std::size_t) {
      if (!error) self->next();
    });
  }

  void next() {
    const bool unread = !request_->is_header_done() || !request_->is_done();
    end_request();
    release_buffered();
    question_ = {};
    judgement_ = {};
    piece_.reset();
    content_.clear();
    content_.shrink_to_fit();
    continued_ = false;
    serializer_.reset();
    if (keep_alive_ && !shared_->stopping) return read_head();
    client_stream_.tcp().expires_after(kDrainTime);
    unread ? drain() : close();
  }

  /// Reads what the client still sends: closing over unread bytes would reset the connection, and the answer with it.
  void drain() {
    if (!piece_) piece_ = std::make_unique_for_overwrite<Piece>();
    client_stream_.async_read_some(asio::buffer(*piece_),
                                   [self = shared_from_this()](Code error, std::size_t bytes) {
                                     self->drained_ += bytes;
                                     if (!error && self->drained_ <= kMaxDrained) return self->drain();
                                     if (!error) self->close();
                                   });
  }

  void close() {
    Code ignored;
    if (!client_stream_.tls()) {
      client_stream_.tcp().socket().shutdown(asio::socket_base::shutdown_send, ignored);
      return;
    }
    client_stream_.async_shutdown([self = shared_from_this()](Code) {});
  }

  const std::shared_ptr<Shared> shared_;
  const ProxyLimits& limits_;
  const Peer peer_;
  ClientStream client_stream_;
  beast::tcp_stream backend_stream_;
  asio::ip::tcp::endpoint backend_place_;
  Clock::time_point backend_used_;
  Client client_;
  bool admitted_ = false;
  bool waits_ = false;
  bool served_ = false;
  bool in_request_ = false;
  bool keep_alive_ = false;
  bool continued_ = false;
  bool head_sent_ = false;

  Record record_;
  Clock::time_point begun_;
  Question question_;
  Judgement judgement_;
  beast::flat_buffer client_buffer_{kBufferBytes};
  beast::flat_buffer backend_buffer_{kBufferBytes};
  using Piece = std::array<char, kPieceBytes>;
  std::unique_ptr<Piece> piece_;
  std::string content_;
  std::size_t buffered_ = 0;
  std::size_t drained_ = 0;
  std::optional<bhttp::request_parser<bhttp::buffer_body>> request_;
  std::optional<bhttp::request<bhttp::empty_body>> backend_head_;
  std::optional<bhttp::response<bhttp::empty_body>> go_on_;
  std::optional<bhttp::response_parser<bhttp::buffer_body>> answer_;
  std::optional<bhttp::response<bhttp::buffer_body>> to_client_;
  std::optional<bhttp::response_serializer<bhttp::buffer_body>> serializer_;
  std::optional<bhttp::response<bhttp::string_body>> refusal_;
};

}  // namespace

std::shared_ptr<Session> make_session(asio::ip::tcp::socket socket, bool tls,
                                      const std::shared_ptr<Shared>& shared) {
  auto session = std::make_shared<ProxySession>(std::move(socket), tls, shared);
  shared->sessions[session.get()] = session;
  return session;
}

}  // namespace caisson::endpoints
