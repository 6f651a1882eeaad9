// The daemon: its parts, wired. One io_context's thread has all of them; the proxy's sources have threads of their own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <optional>

#include "base/heartbeat.hh"
#include "base/http/server.hh"
#include "endpoints/backends.hh"
#include "endpoints/dns/server.hh"
#include "endpoints/health.hh"
#include "endpoints/link.hh"
#include "endpoints/options.hh"
#include "endpoints/proxy/proxy.hh"
#include "endpoints/records/request_log.hh"
#include "endpoints/records/request_metrics.hh"
#include "endpoints/sources.hh"

namespace caisson::endpoints {

class Daemon {
 public:
  /// Folders are made and the socket of health and metrics is there before privileges go. Errors: those of the parts.
  static Result<std::unique_ptr<Daemon>> start(boost::asio::io_context& io, Options options);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

 private:
  Daemon(boost::asio::io_context& io, Options options);
  Status listen();
  Status start_resolver(const std::vector<Service>& services);
  Status start_proxy(std::vector<Service> services);
  void take(std::vector<netd::FabricSocket> sockets);
  http::Response respond(const http::Request& request);
  void stop();

  boost::asio::io_context& io_;
  const Options options_;
  http::Server http_;
  Link link_;
  Backends backends_;
  HealthChecks checks_;
  std::optional<RequestLog> records_;  ///< set by start()
  RequestMetrics requests_;
  std::unique_ptr<Directory> directory_;  ///< the proxy's threads use it: it goes after the proxy
  std::unique_ptr<dns::Server> dns_;
  std::unique_ptr<Proxy> proxy_;
  service::Heartbeat heart_;
  boost::asio::signal_set signals_;
};

}  // namespace caisson::endpoints
