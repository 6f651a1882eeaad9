// As much of an HTTP/1.1 server as the Lambda Runtime API needs: one connection, one request at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::guest {

struct HttpRequest {
  std::string method;
  std::string target;
  std::string error_type;        ///< Lambda-Runtime-Function-Error-Type
  std::string body;              ///< its first kMaxPayloadBytes
  std::uint64_t body_bytes = 0;  ///< its real length
  bool keep_alive = true;
};

struct HttpResponse {
  int status = 200;
  std::string headers;  ///< whole lines with CRLF, without Content-Length
  std::string body;
};

/// A server's connection over a non-blocking socket, driven by poll().
class HttpConnection {
 public:
  explicit HttpConnection(Fd socket);
  ~HttpConnection();
  HttpConnection(HttpConnection&&) noexcept;
  HttpConnection& operator=(HttpConnection&&) noexcept;

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] short wanted_events() const;
  /// Over: closed by the peer, broken, or everything sent after a request that asked to close.
  [[nodiscard]] bool finished() const { return finished_; }

  /// Reads what is there; a whole request, if that completes one. No further one is read before respond().
  std::optional<HttpRequest> read();
  void respond(const HttpResponse& response);
  /// Writes what can be written.
  void write();

 private:
  class Parser;
  void parse();

  Fd socket_;
  std::string in_;
  std::string out_;
  std::unique_ptr<Parser> parser_;
  bool awaiting_response_ = false;
  bool close_after_ = false;
  bool finished_ = false;
};

/// A listening socket on the loopback address, non-blocking.
Result<Fd> listen_on_loopback(const char* address, std::uint16_t port);

/// JSON string syntax, quotes included.
std::string json_string(std::string_view text);
std::string base64(std::string_view bytes);

}  // namespace caisson::guest
