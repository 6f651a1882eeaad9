// endpointd: the services that guests reach inside of their networks. This file only reads options and wires the parts.
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/http/metrics.hh"
#include "base/http/server.hh"
#include "base/limits.hh"
#include "base/log.hh"
#include "base/service.hh"
#include "endpoints/dns/server.hh"
#include "endpoints/link.hh"
#include "endpoints/metrics.hh"
#include "endpoints/options.hh"
#include "endpoints/privileges.hh"

namespace caisson::endpoints {
namespace {

namespace asio = boost::asio;

Result<dns::Resolver> parse_resolver(const std::string& text) {
  const auto colon = text.find(':');
  const auto address = Ipv4Address::parse(text.substr(0, colon));
  const std::string port = colon == std::string::npos ? "53" : text.substr(colon + 1);
  if (!address || port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string::npos || std::stoul(port) - 1 > 65534) {
    return Error{.code = "BadOption",
                 .message = "--resolver wants ADDRESS[:PORT] with an IPv4 address, not " + text};
  }
  return dns::Resolver{*address, static_cast<std::uint16_t>(std::stoul(port))};
}

/// The host's, without those that have IPv6 addresses.
std::vector<dns::Resolver> resolvers_of_host() {
  std::vector<dns::Resolver> resolvers;
  std::ifstream file("/etc/resolv.conf");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string keyword;
    std::string value;
    words >> keyword >> value;
    const auto address = Ipv4Address::parse(value);
    if (keyword == "nameserver" && address) resolvers.push_back({*address});
  }
  return resolvers;
}

Result<std::vector<dns::Resolver>> choose_resolvers(const Options& options) {
  std::vector<dns::Resolver> resolvers;
  for (const auto& text : options.resolvers) {
    TRY(const auto resolver, parse_resolver(text));
    resolvers.push_back(resolver);
  }
  if (options.resolvers.empty()) resolvers = resolvers_of_host();
  if (resolvers.empty()) spdlog::warn("no resolver is known: names of other zones are not answered");
  return resolvers;
}

dns::Directory directory_of(Link& link) {
  return {
      .resolve = [&link](Ipv4Address identity, std::uint16_t port) -> Result<dns::Client> {
        TRY(const auto found, link.resolve(identity, port));
        return dns::Client{
            .vpc = found.vpc, .eni = found.eni, .vpc_cidr = found.vpc_cidr, .dns_support = found.dns_support};
      },
      .has_address = [&link](const std::string& vpc,
                             Ipv4Address address) { return link.has_address(vpc, address); }};
}

http::Response respond(const http::Request& request, const http::ServerStats& http, const dns::Server& dns,
                       const Link& link) {
  if (request.method != "GET") return {.status = 405};
  if (request.target == "/metrics") {
    return {.content_type = "text/plain; version=0.0.4",
            .body = metrics_text(dns.stats(), link.is_connected()) + http::metrics_text(http)};
  }
  if (request.target != "/healthz") return {.status = 404};
  const bool whole = link.is_connected();
  return {.status = whole ? 200U : 503U,
          .body = nlohmann::json{{"status", whole ? "ok" : "degraded"},
                                 {"netd", whole ? "connected" : "disconnected"}}
                      .dump()};
}

/// From the thread that serves: a loop that hangs is not alive.
void beat(asio::steady_timer& timer, std::chrono::microseconds interval) {
  service::notify("WATCHDOG=1");
  timer.expires_after(interval / 2);
  timer.async_wait([&timer, interval](const boost::system::error_code& cancelled) {
    if (!cancelled) beat(timer, interval);
  });
}

Status listen(http::Server& server, const Options& options) {
  bool passed = false;
  for (Fd& socket : service::take_listeners()) {
    TRYV(server.adopt(std::move(socket)));
    passed = true;
  }
  return passed ? Status(ok()) : server.listen_unix(options.run_dir + "/endpointd.sock", 0600);
}

Status make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0)
    return errno == EEXIST ? Status(ok()) : Error::system(errno, "make folder", path);
  if (::chmod(path.c_str(), 0755) != 0) return Error::system(errno, "set the mode of", path);
  return ok();
}

Status run(Options options) {
  if (options.run_dir.empty())
    options.run_dir = options.instance.empty() ? "/run/caisson" : "/run/caisson-" + options.instance;
  TRYV(raise_descriptor_limit());
  TRYV(make_folder(options.run_dir));
  asio::io_context io(1);
  dns::Server* dns = nullptr;
  http::Server* server = nullptr;
  Link link(io, options.run_dir + "/endpoint.sock", [&dns](std::vector<netd::FabricSocket> sockets) {
    for (auto& [name, socket] : sockets) {
      if (!name.starts_with("dns-")) continue;
      if (const Status taken = dns->serve(name, std::move(socket)); !taken)
        spdlog::error("{}", taken.error().text());
    }
  });
  http::Server http(
      io,
      {.handle = [&](const http::Request& request,
                     const http::ReplyHandler& done) { done(respond(request, server->stats(), *dns, link)); },
       .body_limit = [](const http::Request&) { return std::size_t{0}; },
       .refuse = [](http::Refusal, const http::Request&) { return http::Response{.status = 400}; }});
  server = &http;
  TRYV(listen(http, options));
  TRYV(drop_privileges(options.user));
  TRY(auto resolvers, choose_resolvers(options));
  dns::Server resolver(
      io,
      {.zone = {.region = options.region, .services = {}}, .forwarder = {.resolvers = std::move(resolvers)}},
      directory_of(link));
  dns = &resolver;
  asio::steady_timer heart(io);
  if (const auto interval = service::watchdog_interval()) beat(heart, *interval);
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code&, int) {
    spdlog::info("stopping; what is asked now waits in netd's sockets");
    service::notify("STOPPING=1");
    heart.cancel();
    link.stop();
    resolver.stop();
    http.stop();
    io.stop();
  });
  link.start();
  spdlog::info("serving; looked after at {}/endpointd.sock", options.run_dir);
  service::notify("READY=1");
  io.run();
  return ok();
}

}  // namespace
}  // namespace caisson::endpoints

int main(int count, char** words) {
  (void)::signal(SIGPIPE, SIG_IGN);
  (void)::umask(0077);
  CLI::App app{caisson::endpoints::kPurpose, "endpointd"};
  caisson::endpoints::Options options;
  caisson::endpoints::describe(app, options);
  CLI11_PARSE(app, count, words);
  caisson::Status done = caisson::log::set_up(
      {.program = "endpointd", .format = options.log_format, .level = options.log_level});
  if (done) done = caisson::endpoints::run(options);
  if (done) return 0;
  spdlog::error("{}", done.error().text());
  return 1;
}
