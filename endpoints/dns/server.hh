// The resolver: questions from the fabric's sockets to answers. On the thread of one io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/fd.hh"
#include "base/ipv4.hh"
#include "base/result.hh"
#include "endpoints/dns/forwarder.hh"
#include "endpoints/dns/zone.hh"

namespace caisson::endpoints::dns {

/// Who asks.
struct Client {
  std::string vpc;
  std::string eni;
  Ipv4Cidr vpc_cidr;
  bool dns_support = false;
};

/// What only netd knows. An error of resolve(): who asks gets no answer.
struct Directory {
  std::function<Result<Client>(Ipv4Address identity, std::uint16_t port)> resolve;
  std::function<Result<bool>(const std::string& vpc, Ipv4Address address)> has_address;
};

/// For /metrics.
struct Stats {
  std::map<std::string, std::uint64_t> questions{{"tcp", 0}, {"udp", 0}};  ///< by transport
  /// By where the answer came from.
  std::map<std::string, std::uint64_t> answers{{"cache", 0}, {"forwarded", 0}, {"local", 0}, {"refused", 0}};
  std::map<std::string, std::uint64_t> failures{{"unknown_client", 0}, {"no_answer", 0}, {"no_directory", 0}};
  std::uint64_t upstream_timeouts = 0;
  std::size_t pending = 0;
  std::size_t cached = 0;
  std::size_t connections = 0;
};

class Server {
 public:
  struct Settings {
    Zone zone;
    Forwarder::Settings forwarder;
    std::size_t pending_of_interface = 128;   ///< questions that are being forwarded
    std::size_t connections_of_address = 16;  ///< of an identity address
    std::size_t connections = 1024;
    std::chrono::milliseconds idle{10'000};  ///< of a connection, from one question to the next
  };
  Server(boost::asio::io_context& io, Settings settings, Directory directory);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Takes a socket of netd's named "dns-..."; what waits in one of the same name that it replaces is answered first.
  Status serve(const std::string& name, Fd socket);
  void stop();

  [[nodiscard]] Stats stats() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace caisson::endpoints::dns
