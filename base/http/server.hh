// The HTTP/1.1 server of the daemons' APIs: connections, limits and time-outs; what a request means is the
// handlers' business.
//
// Everything runs on the threads of one io_context, which must be a single thread. Nobody can take the server from
// the others: a connection that has not finished its header is closed for a new one when there are as many as there
// may be (the one that waits longest first), replies then end their connection so that clients take turns, and
// bodies that don't fit into the budget are refused before they are read.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/fd.hh"
#include "base/http/message.hh"
#include "base/result.hh"

namespace boost::asio {
class io_context;
}

namespace caisson::http {

struct Limits {
  std::size_t connections = 2048;          ///< of each listener; more wait in its backlog
  std::size_t buffered_bytes = 64 << 20;   ///< of all bodies and replies that are held at a time
  std::uint32_t header_bytes = 16 << 10;   ///< of one request
  std::chrono::milliseconds idle{60'000};  ///< from a connection's start or last reply to the end of a header
  std::chrono::milliseconds transfer{10'000};  ///< for a body, and for a reply
};

/// Why a request was refused before it was handled.
enum class Refusal { kMalformed, kHeaderTooLong, kLengthRequired, kBodyTooLarge, kBusy };

/// All are called on the io_context's thread.
struct Handlers {
  /// Must not block. The reply may come from any thread.
  std::function<void(Request, ReplyHandler)> handle;
  /// The largest body that the request may have; its own body is not read yet.
  std::function<std::size_t(const Request&)> body_limit;
  /// What is answered; of a malformed request only the id is there.
  std::function<Response(Refusal, const Request&)> refuse;
};

/// For metrics. Any thread.
struct ServerStats {
  std::size_t connections = 0;     ///< open ones
  std::size_t buffered_bytes = 0;  ///< bodies and replies held
  std::uint64_t evicted = 0;       ///< connections closed without a request to make room
  std::uint64_t refused = 0;       ///< requests refused, Refusal::kBusy
};

class Server {
 public:
  /// `io` must outlive the server and all replies; it must not be run after the server is gone.
  Server(boost::asio::io_context& io, Handlers handlers, Limits limits = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// `address` is numeric; port 0 takes a free one. Errors: those of bind and listen.
  /// Returns the port.
  Result<std::uint16_t> listen_tcp(const std::string& address, std::uint16_t port);

  /// Replaces a socket that an earlier run left behind; the file has `mode` from the moment it exists.
  /// Errors: those of bind and listen, EEXIST when the path is something else than a socket.
  Status listen_unix(const std::string& path, unsigned mode);

  /// A socket that listens already, as systemd passes it: IPv4, IPv6 or unix. Error EINVAL for any other.
  Status adopt(Fd listening);

  /// No new connections; idle ones are closed, the others after their reply. Idempotent. On io's thread.
  void stop();

  [[nodiscard]] ServerStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::http
