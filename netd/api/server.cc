#include "netd/api/server.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <list>
#include <vector>

#include "netd/api/session.hh"

namespace caisson::netd::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;
using Code = boost::system::error_code;

constexpr auto kAcceptRetry = std::chrono::milliseconds(100);

/// Accepts until there are as many connections as there may be, and goes on when one is closed.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  virtual ~Listener() = default;
  virtual void close() = 0;

  void accept_more() {
    if (stopped_ || accepting_ || sessions_.size() >= context_.limits.connections) return;
    accepting_ = true;
    accept_one();
  }

  void stop() {
    if (stopped_) return;
    stopped_ = true;
    close();
    for (auto& weak : sessions_) {
      if (const auto session = weak.lock()) session->stop();
    }
  }

 protected:
  Listener(asio::io_context& io, const SessionContext& context, bool trust_account)
      : context_(context), trust_account_(trust_account), retry_(io) {}
  virtual void accept_one() = 0;

  void on_accept(const Code& error, asio::generic::stream_protocol::socket socket) {
    accepting_ = false;
    if (stopped_) return;
    if (error) {  // out of descriptors or of memory: the others that wait are served when some are free again
      retry_.expires_after(kAcceptRetry);
      retry_.async_wait([self = shared_from_this()](const Code& cancelled) {
        if (!cancelled) self->accept_more();
      });
      return;
    }
    const auto place = sessions_.emplace(sessions_.end());
    auto session =
        make_session(std::move(socket), context_, trust_account_, [self = weak_from_this(), place] {
          const auto listener = self.lock();
          if (!listener) return;
          listener->sessions_.erase(place);
          listener->accept_more();
        });
    *place = session;
    session->start();
    accept_more();
  }

 private:
  const SessionContext& context_;
  bool trust_account_;
  asio::steady_timer retry_;
  std::list<std::weak_ptr<Session>> sessions_;
  bool accepting_ = false;
  bool stopped_ = false;
};

template <class Protocol>
class ListenerOn final : public Listener {
 public:
  ListenerOn(asio::io_context& io, const SessionContext& context, bool trust_account,
             typename Protocol::acceptor acceptor, std::string unlink_path)
      : Listener(io, context, trust_account),
        acceptor_(std::move(acceptor)),
        unlink_path_(std::move(unlink_path)) {}
  ~ListenerOn() override { ListenerOn::close(); }

  void close() override {
    Code ignored;
    acceptor_.close(ignored);
    if (!unlink_path_.empty()) ::unlink(unlink_path_.c_str());
    unlink_path_.clear();
  }

 private:
  void accept_one() override {
    acceptor_.async_accept(
        [self = shared_from_this(), this](const Code& error, typename Protocol::socket socket) {
          on_accept(error, asio::generic::stream_protocol::socket(std::move(socket)));
        });
  }

  typename Protocol::acceptor acceptor_;
  std::string unlink_path_;
};

Error failed(const Code& code, const char* operation, const std::string& object) {
  return Error::system(code.value(), operation, object);
}

/// Removes the socket of an earlier run.
Status make_room(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return ok();
  if (!S_ISSOCK(status.st_mode)) return Error::system(EEXIST, "bind", path);
  if (::unlink(path.c_str()) != 0) return Error::system(errno, "unlink", path);
  return ok();
}

}  // namespace

class Server::Impl {
 public:
  Impl(asio::io_context& io_context, core::Backend& backend, Limits limits)
      : io(io_context), context{backend, limits, [this](std::function<void()> work) {
                                  asio::post(worker, std::move(work));
                                }} {}

  template <class Protocol>
  void add(typename Protocol::acceptor acceptor, bool trust_account, std::string unlink_path = {}) {
    listeners.push_back(std::make_shared<ListenerOn<Protocol>>(io, context, trust_account,
                                                               std::move(acceptor), std::move(unlink_path)));
    listeners.back()->accept_more();
  }

  asio::io_context& io;
  asio::thread_pool worker{1};
  SessionContext context;
  std::vector<std::shared_ptr<Listener>> listeners;
};

Server::Server(asio::io_context& io, core::Backend& backend, Limits limits)
    : impl_(std::make_unique<Impl>(io, backend, limits)) {}

Server::~Server() {
  stop();
  impl_->worker.join();
}

void Server::stop() {
  for (auto& listener : impl_->listeners)
    listener->stop();
}

Result<std::uint16_t> Server::listen_tcp(const std::string& address, std::uint16_t port) {
  const std::string object = address + ":" + std::to_string(port);
  Code code;
  const auto parsed = asio::ip::make_address(address, code);
  if (code) return Error::system(EINVAL, "parse address", object);
  const tcp::endpoint endpoint(parsed, port);
  tcp::acceptor acceptor(impl_->io);
  if (acceptor.open(endpoint.protocol(), code)) return failed(code, "socket", object);
  acceptor.set_option(tcp::acceptor::reuse_address(true), code);
  if (acceptor.bind(endpoint, code)) return failed(code, "bind", object);
  if (acceptor.listen(asio::socket_base::max_listen_connections, code)) return failed(code, "listen", object);
  const auto chosen = acceptor.local_endpoint(code).port();
  impl_->add<tcp>(std::move(acceptor), /*trust_account=*/false);
  return chosen;
}

Status Server::listen_unix(const std::string& path, unsigned mode) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return Error::system(ENAMETOOLONG, "bind", path);
  TRYV(make_room(path));
  Code code;
  Local::acceptor acceptor(impl_->io);
  if (acceptor.open(Local(), code)) return failed(code, "socket", path);
  // Linux gives the file the mode that the socket has when it is bound (unix_bind), so it is never too open.
  if (::fchmod(acceptor.native_handle(), mode) != 0) return Error::system(errno, "fchmod", path);
  if (acceptor.bind(Local::endpoint(path), code)) return failed(code, "bind", path);
  if (::chmod(path.c_str(), mode) != 0) return Error::system(errno, "chmod", path);
  if (acceptor.listen(asio::socket_base::max_listen_connections, code)) return failed(code, "listen", path);
  impl_->add<Local>(std::move(acceptor), /*trust_account=*/true, path);
  return ok();
}

}  // namespace caisson::netd::api
