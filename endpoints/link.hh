// The link to netd: found again whenever it is lost, and with it the fabric's sockets. On the thread of one io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "netd/client/endpoint_client.hh"

namespace caisson::endpoints {

class Link {
 public:
  /// Called with each new connection.
  using Taken = std::function<void(std::vector<netd::FabricSocket>)>;
  Link(boost::asio::io_context& io, std::string path, Taken taken);

  /// Connects, and keeps connected.
  void start();
  void stop();
  [[nodiscard]] bool is_connected() const { return client_ != nullptr; }

  /// Block for as long as netd takes. Errors: those of EndpointClient, NotConnected.
  Result<netd::FabricClient> resolve(Ipv4Address identity, std::uint16_t port);
  Result<bool> has_address(const std::string& vpc, Ipv4Address address);

 private:
  void look();
  void connect();
  template <class Ask>
  auto ask(const Ask& request) -> decltype(request());

  boost::asio::steady_timer timer_;
  std::string path_;
  Taken taken_;
  std::unique_ptr<netd::EndpointClient> client_;
  bool stopped_ = false;
};

}  // namespace caisson::endpoints
