// The HTTP server of the API: POST /v1/ACTION, GET /metrics, GET /healthz.
//
// Everything runs on the threads of one io_context, which must be a single thread; what may block runs on a
// worker of the server's own. Over the unix socket X-Caisson-Account names the account; TCP always acts as
// the default account.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hh"
#include "netd/core/backend.hh"

namespace boost::asio {
class io_context;
}

namespace caisson::netd::api {

struct Limits {
  std::size_t body_bytes = 1 << 20;
  std::uint32_t header_bytes = 16 << 10;
  std::size_t connections = 256;              ///< of each listener; more wait in its backlog
  std::chrono::milliseconds idle{60000};      ///< until the end of a request's header
  std::chrono::milliseconds transfer{10000};  ///< for a body, and for a reply
};

class Server {
 public:
  /// `io` and `backend` must outlive the server and all of the backend's replies; `io` must not be run after
  /// the server is gone.
  Server(boost::asio::io_context& io, core::Backend& backend, Limits limits = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// `address` is numeric; port 0 takes a free one. Errors: those of bind and listen.
  /// Returns the port.
  Result<std::uint16_t> listen_tcp(const std::string& address, std::uint16_t port);

  /// Replaces a socket that an earlier run left behind; the file has `mode` from the moment it exists.
  /// Errors: those of bind and listen, EEXIST when the path is something else than a socket.
  Status listen_unix(const std::string& path, unsigned mode);

  /// No new connections; idle ones are closed, the others after their reply. Idempotent. On io's thread.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::netd::api
