// netd: the network's daemon. This file only reads options and wires the parts.
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "base/heartbeat.hh"
#include "base/instance.hh"
#include "base/limits.hh"
#include "base/lock.hh"
#include "base/log.hh"
#include "base/service.hh"
#include "netd/api/server.hh"
#include "netd/api/services.hh"
#include "netd/attach/server.hh"
#include "netd/core/daemon.hh"
#include "netd/endpoint/requests.hh"
#include "netd/options.hh"
#include "netd/privileges.hh"

namespace caisson::netd {
namespace {

Status listen_tcp(api::Server& server, const std::string& text) {
  TRY(const auto where, parse_socket_address("--listen-tcp", text));
  TRYV(server.http().listen_tcp(where.address, where.port));
  return ok();
}

/// Where the services' documents say that they are reached.
std::vector<kernel::OpenService> open_services() {
  std::vector<kernel::OpenService> services;
  for (const auto& service : api::known_services()) {
    services.push_back({service.cidrs, service.ports});
  }
  return services;
}

std::string path_of(const Fd& socket) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      size <= sizeof(sa_family_t))
    return {};
  return address.sun_path;
}

/// Whom a socket was made for that was passed: the owner of its file, unless we were told.
unsigned owner_of(const Fd& socket, unsigned told) {
  struct stat file {};
  if (told != 0 || ::stat(path_of(socket).c_str(), &file) != 0) return told;
  return file.st_uid;
}

/// The sockets that systemd passed, by what they are for. Missing ones are made.
struct Listeners {
  Fd attach;
  Fd endpoint;
  std::vector<Fd> http;
  bool operators = false;  ///< a unix socket is among `http`
};

Result<Listeners> take_listeners() {
  Listeners taken;
  for (Fd& socket : service::take_listeners()) {
    const auto kind = service::kind_of(socket);
    Fd& its = path_of(socket).ends_with("/endpoint.sock") ? taken.endpoint : taken.attach;
    if (kind == service::Listener::kOther || (kind == service::Listener::kSeqpacketUnix && its)) {
      return Error{.code = "BadSocket",
                   .message =
                       "netd takes two SOCK_SEQPACKET unix sockets, one of them endpoint.sock, and "
                       "stream sockets"};
    }
    if (kind == service::Listener::kSeqpacketUnix) {
      its = std::move(socket);
    } else {
      taken.operators = taken.operators || kind == service::Listener::kStreamUnix;
      taken.http.push_back(std::move(socket));
    }
  }
  return taken;
}

Status listen(api::Server& server, Listeners& listeners, const Options& options) {
  for (Fd& socket : listeners.http) {
    TRYV(server.http().adopt(std::move(socket)));
  }
  if (!listeners.operators) {
    TRYV(server.http().listen_unix(options.run_dir + "/netd.sock", 0600));
  }
  if (options.listen_tcp.empty()) return ok();
  return listen_tcp(server, options.listen_tcp);
}

Status run(Options options) {
  const std::string name = instance_name(options.instance);
  if (options.state_dir.empty()) options.state_dir = "/var/lib/" + name;
  if (options.run_dir.empty()) options.run_dir = "/run/" + name;
  TRYV(raise_descriptor_limit());
  // endpointd's and runnerd's folders are in it; all else in it is closed to others by its own mode.
  TRYV(make_folder(options.state_dir, 0711));
  TRYV(make_folder(options.run_dir, 0755));
  TRY(const Fd lock, lock_folder(options.state_dir));
  TRY(Listeners listeners, take_listeners());
  if (!listeners.attach) {
    TRY(listeners.attach, seqpacket::Server::listen(options.run_dir + "/attach.sock", options.runner_uid));
  }
  const unsigned runner_uid = owner_of(listeners.attach, options.runner_uid);
  if (!listeners.endpoint) {
    TRY(listeners.endpoint,
        seqpacket::Server::listen(options.run_dir + "/endpoint.sock", options.endpoint_uid));
  }
  const unsigned endpoint_uid = owner_of(listeners.endpoint, options.endpoint_uid);
  TRYV(drop_privileges());
  TRY(auto store, core::Store::open(options.state_dir + "/netd.db"));
  TRY(auto fabric, core::Fabric::open(
                       {.instance = options.instance, .slots = options.slots, .services = open_services()}));
  TRY(auto daemon, core::Daemon::start(std::move(store), std::move(fabric),
                                       options.state_dir + "/sealing.key", options.compact_after));
  const auto attachments =
      seqpacket::Server::start(attach::protocol(*daemon), std::move(listeners.attach), runner_uid);
  const auto services =
      seqpacket::Server::start(endpoint::protocol(*daemon), std::move(listeners.endpoint), endpoint_uid);

  boost::asio::io_context io(1);
  api::Server server(io, *daemon);
  TRYV(listen(server, listeners, options));
  service::Heartbeat heart(io);
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code&, int) {
    spdlog::info("stopping; the fabric stays as it is");
    service::notify("STOPPING=1");
    heart.stop();
    server.http().stop();
  });
  spdlog::info("serving at {}", options.run_dir);
  service::notify("READY=1");
  io.run();
  return ok();
}

}  // namespace
}  // namespace caisson::netd

int main(int count, char** words) {
  (void)::signal(SIGPIPE, SIG_IGN);
  (void)::umask(0077);  // the store is nobody else's
  CLI::App app{caisson::netd::kPurpose, "netd"};
  caisson::netd::Options options;
  caisson::netd::describe(app, options);
  CLI11_PARSE(app, count, words);
  caisson::Status done =
      caisson::log::set_up({.program = "netd", .format = options.log_format, .level = options.log_level});
  if (done) done = caisson::netd::run(options);
  if (done) return 0;
  spdlog::error("{}", done.error().text());
  return 1;
}
