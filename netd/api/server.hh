// The API over HTTP: POST /v1/ACTION, GET /metrics, GET /healthz.
//
// Everything runs on the threads of one io_context, which must be a single thread; what may block runs on a
// worker of the server's own. Over the unix socket X-Caisson-Account names the account; over TCP the
// access key that signed the request does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/http/server.hh"
#include "base/result.hh"
#include "netd/core/backend.hh"

namespace caisson::netd::api {

/// The largest body of a request.
inline constexpr std::size_t kMaxBody = 1 << 20;

class Server {
 public:
  /// `io` and `backend` must outlive the server and all of the backend's replies; `io` must not be run after
  /// the server is gone.
  Server(boost::asio::io_context& io, core::Backend& backend, http::Limits limits = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The listeners, as http::Server has them.
  http::Server& http();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::netd::api
