#include "vmm/guest/agent/http.hh"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/status.hpp>
#include <cerrno>
#include <cstdio>

#include "vmm/agent_protocol.hh"

namespace caisson::guest {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using beast::error_code;
using beast::string_view;

namespace {
constexpr std::string_view kLastChunk = "0\r\n\r\n";
}

/// Collects a request; of a body that is too long only the length, so that the runtime can send all of it and
/// then read its 413.
class HttpConnection::Parser final : public http::basic_parser<true> {
 public:
  Parser() {
    body_limit(boost::none);
    header_limit(64 * 1024);
    eager(true);
  }
  HttpRequest request;

 private:
  void on_request_impl(http::verb, string_view method, string_view target, int, error_code&) override {
    request.method = std::string(method);
    request.target = std::string(target);
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
    if (beast::iequals(name, "Lambda-Runtime-Function-Error-Type")) request.error_type = std::string(value);
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) request.body.reserve(std::min<std::uint64_t>(*length, vmm::agent::kMaxPayloadBytes));
  }
  std::size_t on_body_impl(string_view body, error_code&) override {
    const std::size_t room =
        vmm::agent::kMaxPayloadBytes - std::min(request.body.size(), vmm::agent::kMaxPayloadBytes);
    request.body.append(body.data(), std::min(room, body.size()));
    request.body_bytes += body.size();
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& error) override {
    return on_body_impl(body, error);
  }
  void on_finish_impl(error_code&) override {}
};

HttpConnection::HttpConnection(Fd socket) : socket_(std::move(socket)), parser_(std::make_unique<Parser>()) {}
HttpConnection::~HttpConnection() = default;
HttpConnection::HttpConnection(HttpConnection&&) noexcept = default;
HttpConnection& HttpConnection::operator=(HttpConnection&&) noexcept = default;

short HttpConnection::wanted_events() const {
  // While a request is being answered POLLIN still tells of the peer's end; its bytes stay in the socket, at
  // most its buffer, and a level-triggered poll would spin over them.
  const short in = awaiting_response_ ? POLLRDHUP : POLLIN;
  return static_cast<short>(in | (out_.empty() ? 0 : POLLOUT));
}

void HttpConnection::parse() {
  while (!in_.empty() && !parser_->is_done()) {
    // Beast asserts that it comes back to a last chunk with all of the five bytes that end a message. No message
    // ends in fewer, so that nothing is held back for good.
    if (parser_->is_header_done() && parser_->chunked() && in_.size() < kLastChunk.size()) return;
    error_code error;
    const std::size_t used = parser_->put(boost::asio::const_buffer(in_.data(), in_.size()), error);
    in_.erase(0, used);
    if (error == http::error::need_more) return;
    if (error) {
      finished_ = true;
      return;
    }
    if (used == 0) return;
  }
}

std::optional<HttpRequest> HttpConnection::read() {
  if (awaiting_response_) {
    // Called for a hang-up only.
    char byte = 0;
    if (::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) finished_ = true;
    return std::nullopt;
  }
  char chunk[64 * 1024];
  while (!finished_ && !parser_->is_done()) {
    const ssize_t count = ::recv(socket_.get(), chunk, sizeof chunk, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count <= 0) {
      finished_ = true;
      break;
    }
    in_.append(chunk, static_cast<std::size_t>(count));
    parse();
  }
  if (finished_ || !parser_->is_done()) return std::nullopt;
  HttpRequest request = std::move(parser_->request);
  request.keep_alive = parser_->keep_alive();
  close_after_ = !request.keep_alive;
  parser_ = std::make_unique<Parser>();
  awaiting_response_ = true;
  return request;
}

void HttpConnection::respond(const HttpResponse& response) {
  char status_line[64];
  std::snprintf(
      status_line, sizeof status_line, "HTTP/1.1 %d %s\r\n", response.status,
      std::string(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status))))
          .c_str());
  out_ += status_line;
  out_ += response.headers;
  out_ += "Content-Length: " + std::to_string(response.body.size()) + "\r\n\r\n";
  out_ += response.body;
  awaiting_response_ = false;
  write();
}

void HttpConnection::write() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t count =
        ::send(socket_.get(), out_.data() + sent, out_.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      if (errno != EAGAIN) finished_ = true;
      break;
    }
    sent += static_cast<std::size_t>(count);
  }
  out_.erase(0, sent);
  if (out_.empty() && close_after_ && !awaiting_response_) finished_ = true;
}

Result<Fd> listen_on_loopback(const char* address, std::uint16_t port) {
  Fd socket = Fd::own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  ::inet_pton(AF_INET, address, &in.sin_addr);
  const int on = 1;
  if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(socket.get(), reinterpret_cast<sockaddr*>(&in), sizeof in) != 0 ||
      ::listen(socket.get(), 16) != 0) {
    return Error::system(errno, "listen on", address);
  }
  // Inherited by what is accepted: an event is one small write, not to be held back.
  (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<std::uint8_t>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k)
      out += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

}  // namespace caisson::guest
