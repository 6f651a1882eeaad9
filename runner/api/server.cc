#include "runner/api/server.hh"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/service.hh"

namespace caisson::runner {

namespace asio = boost::asio;

namespace {

/// Workers of the requests that are no invocations: what they do is short.
constexpr std::size_t kWorkers = 8;

}  // namespace

struct Server::Impl {
  explicit Impl(ServerSettings given)
      : settings(std::move(given)),
        invokers(settings.invocations),
        server(io,
               {.handle = [this](http::Request request,
                                 http::ReplyHandler done) { hand_over(std::move(request), std::move(done)); },
                .body_limit = settings.body_limit,
                .refuse = settings.refuse},
               settings.limits) {}

  void hand_over(http::Request request, http::ReplyHandler done) {
    const bool invocation = settings.is_invocation(request);
    if (invocation && invoking.load() >= settings.invocations) {
      return done(settings.refuse(http::Refusal::kBusy, request));
    }
    if (invocation) ++invoking;
    auto work = [this, invocation, request = std::move(request), done = std::move(done)] {
      HttpResponse response = settings.handle(request);
      if (invocation) --invoking;
      done(std::move(response));
    };
    asio::post(invocation ? invokers : workers, std::move(work));
  }

  void repeat(const std::shared_ptr<asio::steady_timer>& timer, std::chrono::microseconds interval,
              std::function<void()> work) {
    work();
    timer->expires_after(interval);
    timer->async_wait(
        [this, timer, interval, work = std::move(work)](const boost::system::error_code& cancelled) {
          if (!cancelled) repeat(timer, interval, work);
        });
  }

  ServerSettings settings;
  asio::io_context io{1};
  asio::thread_pool workers{kWorkers};
  asio::thread_pool invokers;
  std::atomic<std::size_t> invoking = 0;
  http::Server server;
  unsigned short port = 0;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::listen(ServerSettings settings, std::vector<Fd> passed) {
  std::unique_ptr<Server> server(new Server(std::make_unique<Impl>(std::move(settings))));
  Impl& impl = *server->impl_;
  bool tcp = false;
  bool local = false;
  for (Fd& socket : passed) {
    const auto kind = service::kind_of(socket);
    tcp = tcp || kind == service::Listener::kStreamTcp;
    local = local || kind == service::Listener::kStreamUnix;
    TRYV(impl.server.adopt(std::move(socket)));
  }
  if (!tcp) {
    TRY(impl.port, impl.server.listen_tcp(impl.settings.address, impl.settings.port));
  }
  if (!local && !impl.settings.socket_path.empty()) {
    TRYV(impl.server.listen_unix(impl.settings.socket_path, 0660));
  }
  return server;
}

void Server::run() {
  impl_->io.run();
  impl_->invokers.join();
  impl_->workers.join();
}

void Server::stop() {
  impl_->io.stop();
}

void Server::every(std::chrono::microseconds interval, std::function<void()> work) {
  impl_->repeat(std::make_shared<asio::steady_timer>(impl_->io), interval, std::move(work));
}

unsigned short Server::port() const {
  return impl_->port;
}

http::ServerStats Server::stats() const {
  return impl_->server.stats();
}

}  // namespace caisson::runner
