// The function API over HTTP: one thread reads and writes, workers handle requests.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/http/server.hh"
#include "base/result.hh"
#include "runner/api/http.hh"

namespace caisson::runner {

struct ServerSettings {
  std::string address = "127.0.0.1";
  unsigned short port = 4751;
  std::string socket_path;  ///< unlinked before it is bound; mode 0660. "": none
  /// Invocations that are handled at a time. More are refused, as Lambda throttles.
  std::size_t invocations = 64;
  /// Runs on a worker; may block.
  std::function<HttpResponse(const HttpRequest&)> handle;
  /// An invocation blocks its worker as long as the function runs. The others have workers of their own, so that
  /// functions that run long stop nobody from seeing, changing or deleting them.
  std::function<bool(const HttpRequest&)> is_invocation;
  std::function<std::size_t(const HttpRequest&)> body_limit;
  std::function<HttpResponse(http::Refusal, const HttpRequest&)> refuse;
  http::Limits limits = {
      .buffered_bytes = 512 << 20, .header_bytes = 64 << 10, .transfer = std::chrono::seconds(60)};
};

class Server {
 public:
  /// Binds and listens. Errors: those of bind, naming the address. `passed` are listening sockets of systemd's; one
  /// of a kind (TCP, unix) stands for that of the settings.
  static Result<std::unique_ptr<Server>> listen(ServerSettings settings, std::vector<Fd> passed = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Serves until stop(). Then no connection is accepted any more, requests that are being handled end (their
  /// answers may be lost), and run() returns.
  void run();
  /// From any thread, once.
  void stop();
  /// Calls `work` now and at this interval on the thread that serves. Before run().
  void every(std::chrono::microseconds interval, std::function<void()> work);
  [[nodiscard]] unsigned short port() const;  ///< 0 when TCP was passed, not made
  [[nodiscard]] http::ServerStats stats() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::runner
