#include "base/http/server.hh"

#include <fcntl.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <vector>

#include "base/http/session.hh"

namespace caisson::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;
using Code = boost::system::error_code;

constexpr auto kAcceptRetry = std::chrono::milliseconds(100);
constexpr auto kTrimAfter = std::chrono::seconds(1);

/// Gives freed memory back to the system some time after connections were closed, so that a crowd that is gone
/// costs nothing. The allocator by itself would keep it.
class Trimmer {
 public:
  explicit Trimmer(asio::io_context& io) : timer_(io) {}

  void connection_closed() {
    if (std::exchange(waiting_, true)) return;
    timer_.expires_after(kTrimAfter);
    timer_.async_wait([this](const Code& cancelled) {
      if (cancelled) return;
      waiting_ = false;
      (void)::malloc_trim(0);
    });
  }
  void stop() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
  bool waiting_ = false;
};

/// Asio keeps the record of a descriptor for reuse when the descriptor is closed, and never frees it. Records that are
/// made in a crowd lie between the crowd's other memory and pin its pages for good; made now, they lie together.
void make_descriptor_records(asio::io_context& io, std::size_t count) {
  const Fd one = Fd::own(::eventfd(0, EFD_CLOEXEC));
  std::vector<asio::posix::stream_descriptor> records;
  records.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const int copy = ::fcntl(one.get(), F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return;  // then there are never as many connections
    Code failed;
    records.emplace_back(io);
    if (records.back().assign(copy, failed)) ::close(copy);
  }
}

/// Accepts until there are as many connections as there may be, and goes on when one is closed.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  virtual ~Listener() = default;
  virtual void close() = 0;

  void accept_more() {
    if (stopped_ || accepting_) return;
    accepting_ = true;
    if (sessions_.size() >= shared_->limits.connections) {
      wait_for_caller();
    } else {
      accept_one();
    }
  }

  void stop() {
    if (stopped_) return;
    stopped_ = true;
    retry_.cancel();
    close();
    for (auto& weak : sessions_) {
      if (const auto session = weak.lock()) session->stop();
    }
  }

 protected:
  Listener(asio::io_context& io, const std::shared_ptr<Shared>& shared, Trimmer& trimmer, bool unix_socket)
      : shared_(shared), trimmer_(trimmer), unix_socket_(unix_socket), retry_(io) {}
  virtual void accept_one() = 0;
  /// Calls on_caller() when a connection waits in the backlog.
  virtual void wait_for_caller() = 0;

  void on_caller(const Code& error) {
    accepting_ = false;
    if (stopped_ || error) return;
    if (sessions_.size() < shared_->limits.connections) return accept_more();
    // Whose place becomes free, now or later, calls accept_more().
    called_ = true;
    evict_longest_wait();
  }

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
    add(std::move(socket));
    accept_more();
  }

 private:
  void add(asio::generic::stream_protocol::socket socket) {
    const auto place = sessions_.emplace(sessions_.end());
    const auto crowded = [self = weak_from_this()] {
      const auto listener = self.lock();
      return listener && listener->called_;
    };
    const auto closed = [self = weak_from_this(), place] {
      const auto listener = self.lock();
      if (!listener) return;
      listener->sessions_.erase(place);
      listener->called_ = false;
      listener->trimmer_.connection_closed();
      listener->accept_more();
    };
    const auto session = make_session(std::move(socket), shared_, unix_socket_, {crowded, closed});
    *place = session;
    session->start();
  }

  void evict_longest_wait() {
    std::shared_ptr<Session> longest;
    for (const auto& weak : sessions_) {
      auto session = weak.lock();
      if (!session || !session->waits_since()) continue;
      if (!longest || *session->waits_since() < *longest->waits_since()) longest = std::move(session);
    }
    if (!longest) return;
    ++shared_->evicted;
    longest->stop();
  }

  const std::shared_ptr<Shared> shared_;
  Trimmer& trimmer_;
  const bool unix_socket_;
  asio::steady_timer retry_;
  std::list<std::weak_ptr<Session>> sessions_;
  bool accepting_ = false;
  bool called_ = false;  ///< somebody waits in the backlog while all places are taken
  bool stopped_ = false;
};

template <class Protocol>
class ListenerOn final : public Listener {
 public:
  ListenerOn(asio::io_context& io, const std::shared_ptr<Shared>& shared, Trimmer& trimmer, bool unix_socket,
             typename Protocol::acceptor acceptor, std::string unlink_path)
      : Listener(io, shared, trimmer, unix_socket),
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
  void wait_for_caller() override {
    acceptor_.async_wait(Protocol::acceptor::wait_read,
                         [self = shared_from_this(), this](const Code& error) { on_caller(error); });
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
  Impl(asio::io_context& io_context, Handlers handlers, Limits limits)
      : io(io_context),
        shared(new Shared{
            .handlers = std::move(handlers), .limits = limits, .budget = Budget(limits.buffered_bytes)}),
        trimmer(io_context) {
    make_descriptor_records(io, limits.connections);
  }

  template <class Protocol>
  void add(typename Protocol::acceptor acceptor, bool unix_socket, std::string unlink_path = {}) {
    listeners.push_back(std::make_shared<ListenerOn<Protocol>>(io, shared, trimmer, unix_socket,
                                                               std::move(acceptor), std::move(unlink_path)));
    listeners.back()->accept_more();
  }

  asio::io_context& io;
  const std::shared_ptr<Shared> shared;
  Trimmer trimmer;
  std::vector<std::shared_ptr<Listener>> listeners;
};

Server::Server(asio::io_context& io, Handlers handlers, Limits limits)
    : impl_(std::make_unique<Impl>(io, std::move(handlers), limits)) {}

Server::~Server() {
  stop();
}

void Server::stop() {
  for (auto& listener : impl_->listeners)
    listener->stop();
  impl_->trimmer.stop();
}

ServerStats Server::stats() const {
  const Shared& shared = *impl_->shared;
  return {.connections = shared.connections,
          .buffered_bytes = shared.budget.held(),
          .evicted = shared.evicted,
          .refused = shared.refused};
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
  impl_->add<tcp>(std::move(acceptor), /*unix_socket=*/false);
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
  impl_->add<Local>(std::move(acceptor), /*unix_socket=*/true, path);
  return ok();
}

Status Server::adopt(Fd listening) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  int listens = 0;
  socklen_t flag_size = sizeof listens;
  if (::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return Error::system(errno, "adopt", "a descriptor");
  }
  (void)::getsockopt(listening.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &flag_size);
  const int family = bound.ss_family;
  if (listens == 0 || (family != AF_UNIX && family != AF_INET && family != AF_INET6)) {
    return Error::system(EINVAL, "adopt", "a descriptor that is no listening stream socket");
  }
  Code code;
  if (family == AF_UNIX) {
    Local::acceptor acceptor(impl_->io);
    if (acceptor.assign(Local(), listening.get(), code)) return failed(code, "adopt", "a unix socket");
    (void)std::move(listening).release();
    impl_->add<Local>(std::move(acceptor), /*unix_socket=*/true);
    return ok();
  }
  tcp::acceptor acceptor(impl_->io);
  if (acceptor.assign(family == AF_INET ? tcp::v4() : tcp::v6(), listening.get(), code)) {
    return failed(code, "adopt", "a TCP socket");
  }
  (void)std::move(listening).release();
  impl_->add<tcp>(std::move(acceptor), /*unix_socket=*/false);
  return ok();
}

}  // namespace caisson::http
