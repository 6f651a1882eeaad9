#include "endpoints/dns/server.hh"

#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "endpoints/dns/cache.hh"

namespace caisson::endpoints::dns {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

/// Of one socket, before others have their turn.
constexpr int kAtOnce = 64;
constexpr std::chrono::milliseconds kPause{100};

Ipv4Address address_of(const asio::ip::address& address) {
  return {address.to_v4().to_uint()};
}

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
 public:
  Impl(asio::io_context& io, Settings settings, Directory directory)
      : io_(io),
        settings_(std::move(settings)),
        directory_(std::move(directory)),
        forwarder_(io, settings_.forwarder) {}

  Status serve(const std::string& name, Fd socket);
  void stop();
  [[nodiscard]] Stats stats() const;

 private:
  /// Empty: nothing is answered.
  using Answered = std::function<void(std::string reply)>;
  struct Asker {
    Ipv4Address address;
    std::uint16_t port = 0;
    bool stream = false;
  };
  void ask(const Asker& asker, std::string_view bytes, const Answered& answered);
  void look_up(const Client& client, const Query& query, std::size_t limit, const Answered& answered);
  void forward(const Client& client, const Query& query, std::size_t limit, const Answered& answered);

  struct Datagrams {
    explicit Datagrams(asio::io_context& io) : socket(io) {}
    udp::socket socket;
  };
  void wait_for(const std::shared_ptr<Datagrams>& datagrams);
  bool take_one(const std::shared_ptr<Datagrams>& datagrams);

  struct Listener {
    explicit Listener(asio::io_context& io) : acceptor(io), pause(io) {}
    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };
  void accept(const std::shared_ptr<Listener>& listener);
  void admit(tcp::socket socket);

  struct Connection {
    Connection(tcp::socket taken, Ipv4Address peer, std::uint16_t its_port)
        : socket(std::move(taken)), timer(socket.get_executor()), address(peer), port(its_port) {}
    tcp::socket socket;
    asio::steady_timer timer;
    Ipv4Address address;
    std::uint16_t port;
    FrameLength length{};
    std::string bytes;
  };
  using ConnectionPointer = std::shared_ptr<Connection>;
  void read(const ConnectionPointer& connection);
  void write(const ConnectionPointer& connection, const std::string& reply);
  void end(const ConnectionPointer& connection);
  void limit_time(const ConnectionPointer& connection);

  asio::io_context& io_;
  Settings settings_;
  Directory directory_;
  Forwarder forwarder_;
  Cache cache_;
  Stats stats_;
  std::map<std::string, std::size_t> pending_;           ///< by network interface
  std::map<std::uint32_t, std::size_t> connections_of_;  ///< by identity address
  std::size_t connections_ = 0;
  std::map<std::string, std::shared_ptr<Datagrams>> datagrams_;
  std::map<std::string, std::shared_ptr<Listener>> listeners_;
};

void Server::Impl::ask(const Asker& asker, std::string_view bytes, const Answered& answered) {
  ++stats_.questions[asker.stream ? "tcp" : "udp"];
  Read read = read_query(bytes);
  if (!read.query && read.refusal.empty()) return answered({});
  const auto client = directory_.resolve(asker.address, asker.port);
  if (!client || !client.value().dns_support) {
    ++stats_.failures["unknown_client"];
    return answered({});
  }
  if (!read.query) {
    ++stats_.answers["refused"];
    return answered(std::move(read.refusal));
  }
  look_up(client.value(), *read.query, asker.stream ? kLargestStream : read.query->datagram_limit(),
          answered);
}

void Server::Impl::look_up(const Client& client, const Query& query, std::size_t limit,
                           const Answered& answered) {
  const Finding finding = find(settings_.zone, client.vpc_cidr, query);
  if (std::holds_alternative<Forward>(finding)) return forward(client, query, limit, answered);
  if (const auto* known = std::get_if<Known>(&finding)) {
    ++stats_.answers["local"];
    return answered(reply(query, known->answer, limit));
  }
  const auto& interface = std::get<OfInterface>(finding);
  const auto exists = directory_.has_address(client.vpc, interface.address);
  if (!exists) {
    ++stats_.failures["no_directory"];
    return answered(reply(query, {.rcode = Rcode::kServFail}, limit));
  }
  ++stats_.answers["local"];
  answered(reply(query, answer(settings_.zone, interface, exists.value(), query), limit));
}

void Server::Impl::forward(const Client& client, const Query& query, std::size_t limit,
                           const Answered& answered) {
  if (const auto hit = cache_.find(client.vpc, query, Cache::Clock::now())) {
    ++stats_.answers["cache"];
    return answered(relayed_reply(query, hit->bytes, hit->age, limit));
  }
  auto& pending = pending_[client.eni];
  if (pending >= settings_.pending_of_interface) {
    ++stats_.failures["no_answer"];
    return answered(reply(query, {.rcode = Rcode::kServFail}, limit));
  }
  ++pending;
  forwarder_.ask(query, [self = shared_from_this(), client, query, limit, answered](std::string bytes) {
    if (--self->pending_[client.eni] == 0) self->pending_.erase(client.eni);
    if (bytes.empty()) {
      ++self->stats_.failures["no_answer"];
      return answered(reply(query, {.rcode = Rcode::kServFail}, limit));
    }
    ++self->stats_.answers["forwarded"];
    std::string relayed = relayed_reply(query, bytes, 0, limit);
    self->cache_.add(client.vpc, query, std::move(bytes), Cache::Clock::now());
    answered(std::move(relayed));
  });
}

bool Server::Impl::take_one(const std::shared_ptr<Datagrams>& datagrams) {
  std::array<char, 4096> buffer{};
  udp::endpoint peer;
  error_code failed;
  const std::size_t size = datagrams->socket.receive_from(asio::buffer(buffer), peer, 0, failed);
  if (failed == asio::error::would_block || failed == asio::error::bad_descriptor) return false;
  if (failed || !peer.address().is_v4()) return true;
  ask({.address = address_of(peer.address()), .port = peer.port()}, {buffer.data(), size},
      [datagrams, peer](const std::string& reply) {
        error_code ignored;
        if (!reply.empty()) datagrams->socket.send_to(asio::buffer(reply), peer, 0, ignored);
      });
  return true;
}

void Server::Impl::wait_for(const std::shared_ptr<Datagrams>& datagrams) {
  datagrams->socket.async_wait(udp::socket::wait_read,
                               [self = shared_from_this(), datagrams](const error_code& failed) {
                                 if (failed) return;
                                 for (int i = 0; i < kAtOnce && self->take_one(datagrams); ++i) {
                                 }
                                 self->wait_for(datagrams);
                               });
}

void Server::Impl::accept(const std::shared_ptr<Listener>& listener) {
  listener->acceptor.async_accept(
      [self = shared_from_this(), listener](const error_code& failed, tcp::socket socket) {
        if (failed == asio::error::operation_aborted || failed == asio::error::bad_descriptor) return;
        if (!failed) {
          self->admit(std::move(socket));
          return self->accept(listener);
        }
        // Without descriptors: there is no event for one that becomes free.
        listener->pause.expires_after(kPause);
        listener->pause.async_wait([self, listener](const error_code& cancelled) {
          if (!cancelled) self->accept(listener);
        });
      });
}

void Server::Impl::admit(tcp::socket socket) {
  error_code failed;
  const auto peer = socket.remote_endpoint(failed);
  if (failed || !peer.address().is_v4() || connections_ >= settings_.connections) return;
  auto& its = connections_of_[address_of(peer.address()).value];
  if (its >= settings_.connections_of_address) return;
  ++its;
  ++connections_;
  read(std::make_shared<Connection>(std::move(socket), address_of(peer.address()), peer.port()));
}

void Server::Impl::limit_time(const ConnectionPointer& connection) {
  connection->timer.expires_after(settings_.idle);
  connection->timer.async_wait([connection](const error_code& cancelled) {
    error_code ignored;
    if (!cancelled) connection->socket.close(ignored);
  });
}

void Server::Impl::end(const ConnectionPointer& connection) {
  error_code ignored;
  connection->timer.cancel();
  connection->socket.close(ignored);
  --connections_;
  const auto its = connections_of_.find(connection->address.value);
  if (--its->second == 0) connections_of_.erase(its);
}

/// One question after the other (RFC 7766, 6.2.1.1 allows it): the next one is read when this one is answered.
void Server::Impl::read(const ConnectionPointer& connection) {
  limit_time(connection);
  asio::async_read(
      connection->socket, asio::buffer(connection->length),
      [self = shared_from_this(), connection](const error_code& failed, std::size_t) {
        if (failed) return self->end(connection);
        connection->bytes.resize(framed_size(connection->length));
        asio::async_read(
            connection->socket, asio::buffer(connection->bytes),
            [self, connection](const error_code& cut, std::size_t) {
              if (cut) return self->end(connection);
              self->ask({.address = connection->address, .port = connection->port, .stream = true},
                        connection->bytes,
                        [self, connection](const std::string& reply) { self->write(connection, reply); });
            });
      });
}

void Server::Impl::write(const ConnectionPointer& connection, const std::string& reply) {
  if (reply.empty()) return end(connection);
  connection->bytes = framed(reply);
  limit_time(connection);
  asio::async_write(connection->socket, asio::buffer(connection->bytes),
                    [self = shared_from_this(), connection](const error_code& failed, std::size_t) {
                      if (failed) return self->end(connection);
                      self->read(connection);
                    });
}

Status Server::Impl::serve(const std::string& name, Fd socket) {
  error_code failed;
  if (name.starts_with("dns-udp")) {
    auto made = std::make_shared<Datagrams>(io_);
    made->socket.assign(udp::v4(), std::move(socket).release(), failed);
    if (!failed) made->socket.non_blocking(true, failed);
    if (failed) return Error::system(failed.value(), "take the socket", name);
    if (const auto old = std::exchange(datagrams_[name], made)) {
      while (take_one(old)) {
      }
      old->socket.close(failed);
    }
    wait_for(made);
    return ok();
  }
  auto made = std::make_shared<Listener>(io_);
  made->acceptor.assign(tcp::v4(), std::move(socket).release(), failed);
  if (!failed) made->acceptor.non_blocking(true, failed);
  if (failed) return Error::system(failed.value(), "take the socket", name);
  if (const auto old = std::exchange(listeners_[name], made)) {
    for (error_code none; !none;) {
      tcp::socket waiting(io_);
      old->acceptor.accept(waiting, none);
      if (!none) admit(std::move(waiting));
    }
    old->acceptor.close(failed);
  }
  accept(made);
  return ok();
}

void Server::Impl::stop() {
  error_code ignored;
  for (auto& [name, datagrams] : datagrams_)
    datagrams->socket.close(ignored);
  for (auto& [name, listener] : listeners_)
    listener->acceptor.close(ignored);
}

Stats Server::Impl::stats() const {
  Stats stats = stats_;
  stats.upstream_timeouts = forwarder_.timeouts();
  stats.pending = forwarder_.pending();
  stats.cached = cache_.entries();
  stats.connections = connections_;
  return stats;
}

Server::Server(asio::io_context& io, Settings settings, Directory directory)
    : impl_(std::make_shared<Impl>(io, std::move(settings), std::move(directory))) {}
Server::~Server() {
  impl_->stop();
}

Status Server::serve(const std::string& name, Fd socket) {
  return impl_->serve(name, std::move(socket));
}

void Server::stop() {
  impl_->stop();
}

Stats Server::stats() const {
  return impl_->stats();
}

}  // namespace caisson::endpoints::dns
