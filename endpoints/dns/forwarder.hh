// Questions to the host's resolvers: one after the other until one answers, each from a port and with an id that nobody
// can guess (RFC 5452), over TCP where the answer does not fit. On the thread of one io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "base/ipv4.hh"
#include "endpoints/dns/message.hh"

namespace caisson::endpoints::dns {

struct Resolver {
  Ipv4Address address;
  std::uint16_t port = 53;
};

class Forwarder {
 public:
  struct Settings {
    std::vector<Resolver> resolvers;
    std::chrono::milliseconds patience{1500};  ///< with each, twice over all
    std::size_t most_pending = 2048;
  };
  Forwarder(boost::asio::io_context& io, Settings settings) : io_(io), settings_(std::move(settings)) {}

  /// An accepted reply, or nothing: no resolver has answered, or too much is asked already. Called once; at once only
  /// in the last case.
  using Done = std::function<void(std::string bytes)>;
  void ask(const Query& query, Done done);

  [[nodiscard]] std::size_t pending() const { return *pending_; }
  [[nodiscard]] std::uint64_t timeouts() const { return *timeouts_; }

 private:
  boost::asio::io_context& io_;
  Settings settings_;
  std::shared_ptr<std::size_t> pending_ = std::make_shared<std::size_t>(0);
  std::shared_ptr<std::uint64_t> timeouts_ = std::make_shared<std::uint64_t>(0);
};

}  // namespace caisson::endpoints::dns
