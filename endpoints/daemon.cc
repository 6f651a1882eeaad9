#include "endpoints/daemon.hh"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <nlohmann/json.hpp>

#include "base/http/metrics.hh"
#include "base/instance.hh"
#include "base/limits.hh"
#include "base/service.hh"
#include "endpoints/catalog.hh"
#include "endpoints/metrics.hh"
#include "endpoints/privileges.hh"
#include "endpoints/resolvers.hh"

namespace caisson::endpoints {
namespace {

/// What is kept there is `user`'s; runnerd reads the authority's certificate in it.
Status make_state_folder(const std::string& path, unsigned user) {
  TRYV(make_folder(path, 0711));
  if (user != 0 && ::geteuid() == 0 && ::chown(path.c_str(), user, user) != 0)
    return Error::system(errno, "own", path);
  return ok();
}

Options with_folders(Options options) {
  const std::string name = instance_name(options.instance);
  if (options.run_dir.empty()) options.run_dir = "/run/" + name;
  if (options.state_dir.empty()) options.state_dir = "/var/lib/" + name + "/endpoint";
  return options;
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

}  // namespace

Daemon::Daemon(boost::asio::io_context& io, Options options)
    : io_(io),
      options_(with_folders(std::move(options))),
      http_(io,
            {.handle = [this](const http::Request& request,
                              const http::ReplyHandler& done) { done(respond(request)); },
             .body_limit = [](const http::Request&) { return std::size_t{0}; },
             .refuse = [](http::Refusal, const http::Request&) { return http::Response{.status = 400}; }}),
      link_(io, options_.run_dir + "/endpoint.sock",
            [this](std::vector<netd::FabricSocket> sockets) { take(std::move(sockets)); }),
      backends_(options_.backends),
      checks_(io, backends_, {}),
      heart_(io),
      signals_(io, SIGTERM, SIGINT) {}

Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::start(boost::asio::io_context& io, Options options) {
  TRYV(raise_descriptor_limit());
  std::unique_ptr<Daemon> daemon(new Daemon(io, std::move(options)));
  const Options& all = daemon->options_;
  TRYV(make_folder(all.run_dir, 0755));
  TRYV(make_state_folder(all.state_dir, all.user));
  TRYV(daemon->listen());
  TRYV(drop_privileges(all.user));
  TRY(auto services, known_services(all.region));
  TRYV(daemon->start_resolver(services));
  TRYV(daemon->start_proxy(std::move(services)));
  daemon->signals_.async_wait([raw = daemon.get()](const boost::system::error_code& cancelled, int) {
    if (!cancelled) raw->stop();
  });
  daemon->link_.start();
  daemon->checks_.start();
  spdlog::info("serving; looked after at {}/endpointd.sock", all.run_dir);
  service::notify("READY=1");
  return daemon;
}

Status Daemon::listen() {
  bool passed = false;
  for (Fd& socket : service::take_listeners()) {
    TRYV(http_.adopt(std::move(socket)));
    passed = true;
  }
  return passed ? Status(ok()) : http_.listen_unix(options_.run_dir + "/endpointd.sock", 0600);
}

Status Daemon::start_resolver(const std::vector<Service>& services) {
  TRY(auto resolvers, choose_resolvers(options_.resolvers));
  dns_ = std::make_unique<dns::Server>(
      io_,
      dns::Server::Settings{.zone = {.region = options_.region, .services = names_of(services)},
                            .forwarder = {.resolvers = std::move(resolvers)}},
      directory_of(link_));
  return ok();
}

Status Daemon::start_proxy(std::vector<Service> services) {
  TRY(auto records, RequestLog::open(options_.state_dir));
  records_.emplace(std::move(records));
  TRY(const auto authority, open_authority(options_.state_dir));
  TRY(auto certificate, issue(authority, hosts_of(services)));
  directory_ = std::make_unique<Directory>(options_.run_dir + "/endpoint.sock", services, backends_);
  TRY(proxy_, Proxy::make(io_, {.services = std::move(services),
                                .region = options_.region,
                                .certificate = std::move(certificate),
                                .sources = directory_->sources(),
                                .record = [this](const Record& record) {
                                  records_->write(record);
                                  requests_.count(record);
                                }}));
  return ok();
}

/// Of a netd that has just been found.
void Daemon::take(std::vector<netd::FabricSocket> sockets) {
  for (auto& [name, socket] : sockets) {
    Status taken = ok();
    if (name.starts_with("dns-")) taken = dns_->serve(name, std::move(socket));
    if (name == "http" || name == "https") taken = proxy_->adopt(std::move(socket), name == "https");
    if (!taken) spdlog::error("{}: {}", name, taken.error().text());
  }
}

http::Response Daemon::respond(const http::Request& request) {
  if (request.method != "GET") return {.status = 405};
  if (request.target == "/metrics") {
    return {.content_type = "text/plain; version=0.0.4",
            .body = metrics_text({.dns = dns_->stats(),
                                  .proxy = proxy_->stats(),
                                  .backends = backends_.health(),
                                  .connected = link_.is_connected()}) +
                    requests_.text(records_->stats()) + http::metrics_text(http_.stats())};
  }
  if (request.target != "/healthz") return {.status = 404};
  const bool whole = link_.is_connected();
  return {.status = whole ? 200U : 503U,
          .body = nlohmann::json{{"status", whole ? "ok" : "degraded"},
                                 {"netd", whole ? "connected" : "disconnected"}}
                      .dump()};
}

void Daemon::stop() {
  spdlog::info("stopping; what is asked now waits in netd's sockets");
  service::notify("STOPPING=1");
  heart_.stop();
  link_.stop();
  checks_.stop();
  dns_->stop();
  proxy_->stop();
  http_.stop();
  io_.stop();
}

}  // namespace caisson::endpoints
