#include "netd/api/server.hh"

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/http/metrics.hh"
#include "base/request_scope.hh"
#include "netd/api/dispatch.hh"

namespace caisson::netd::api {
namespace {

Error refusal(http::Refusal why) {
  switch (why) {
    case http::Refusal::kMalformed:
      return {.code = "InvalidRequest", .message = "This is not HTTP/1.1"};
    case http::Refusal::kHeaderTooLong:
      return {.code = "InvalidRequest", .message = "The header is too long"};
    case http::Refusal::kLengthRequired:
      return {.code = "InvalidRequest", .message = "A body needs a Content-Length; chunks are not accepted"};
    case http::Refusal::kBodyTooLarge:
      return {.code = "RequestEntityTooLarge",
              .message = "A request has at most " + std::to_string(kMaxBody) + " bytes"};
    case http::Refusal::kBusy:
      break;
  }
  return {.code = "RequestLimitExceeded",
          .message = "Too many requests are being read or answered; try again after a pause"};
}

http::Response refuse(http::Refusal why, const http::Request& request) {
  http::Response reply = error_reply(refusal(why), request.request_id);
  if (why == http::Refusal::kHeaderTooLong) reply.status = 431;
  if (why == http::Refusal::kLengthRequired) reply.status = 411;
  return reply;
}

/// A line for each request, with its id; what is looked at every few seconds only where all is asked for. Of a request
/// nothing but its method and path is written: bodies and headers can hold secrets.
http::ReplyHandler logged(const http::Request& request, http::ReplyHandler done) {
  return [id = request.request_id, what = request.method + " " + request.target.substr(0, 100),
          level = request.method == "GET" ? spdlog::level::debug : spdlog::level::info,
          begin = std::chrono::steady_clock::now(), done = std::move(done)](http::Response reply) {
    const RequestScope scope(id);
    const auto took = std::chrono::steady_clock::now() - begin;
    spdlog::log(level, "{}: {} in {} us", what, reply.status,
                std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    done(std::move(reply));
  };
}

}  // namespace

class Server::Impl {
 public:
  Impl(boost::asio::io_context& io, core::Backend& backend, http::Limits limits)
      : blocking_([this](std::function<void()> work) { boost::asio::post(worker_, std::move(work)); }),
        server_(io,
                {.handle =
                     [this, &backend](http::Request request, http::ReplyHandler done) {
                       const RequestScope scope(request.request_id);
                       done = logged(request, std::move(done));
                       if (request.target == "/metrics") done = with_metrics(std::move(done));
                       dispatch(std::move(request), backend, blocking_, std::move(done));
                     },
                 .body_limit = [](const http::Request&) { return kMaxBody; },
                 .refuse = refuse},
                limits) {}
  ~Impl() {
    server_.stop();
    worker_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  http::Server& server() { return server_; }

 private:
  /// Adds the server's own figures to the daemon's.
  http::ReplyHandler with_metrics(http::ReplyHandler done) {
    return [this, done = std::move(done)](http::Response reply) {
      if (reply.status == 200) reply.body += http::metrics_text(server_.stats());
      done(std::move(reply));
    };
  }

  boost::asio::thread_pool worker_{1};
  RunBlocking blocking_;
  http::Server server_;
};

Server::Server(boost::asio::io_context& io, core::Backend& backend, http::Limits limits)
    : impl_(std::make_unique<Impl>(io, backend, limits)) {}
Server::~Server() = default;

http::Server& Server::http() {
  return impl_->server();
}

}  // namespace caisson::netd::api
