// HTTP on a TCP port and on a unix socket: one thread reads and writes, workers handle requests.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hh"
#include "runner/api/http.hh"

namespace caisson::runner {

struct ServerSettings {
  std::string address = "127.0.0.1";
  unsigned short port = 4751;
  std::string socket_path;  ///< unlinked before it is bound; mode 0660
  std::size_t workers = 80;
  /// Runs on a worker; may block.
  std::function<HttpResponse(const HttpRequest&)> handle;
  std::function<std::size_t(const std::string& method, const std::string& target)> body_limit;
  std::function<HttpResponse(const std::string& method, const std::string& target)> too_large;
};

class Server {
 public:
  /// Binds and listens. Errors: those of bind, naming the address.
  static Result<std::unique_ptr<Server>> listen(ServerSettings settings);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Serves until stop(). Then no connection is accepted any more, requests that are being handled end (their
  /// answers may be lost), and run() returns.
  void run();
  /// From any thread, once.
  void stop();
  [[nodiscard]] unsigned short port() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::runner
