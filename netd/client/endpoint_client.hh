// The client of endpoint.sock, for endpointd.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/ipv4.hh"
#include "base/result.hh"

namespace caisson::netd {

/// A socket of the fabric; names as in endpoint_protocol.hh.
struct FabricSocket {
  std::string name;
  Fd socket;
};

/// Who is behind an identity address and a port.
struct FabricClient {
  std::string account;
  std::string vpc;
  std::string subnet;
  std::string eni;
  Ipv4Address address;  ///< private, of the network interface
  bool managed = false;
  bool dns_support = false;
  Ipv4Cidr vpc_cidr;
  std::vector<std::string> users;     ///< of a function interface: the functions that it is for
  std::optional<std::uint32_t> slot;  ///< of a function interface: the environment's
};

/// Blocking, thread-safe; errors as AttachClient's, but a reply is waited for three seconds.
class EndpointClient {
 public:
  static Result<std::unique_ptr<EndpointClient>> connect(const std::string& path);
  ~EndpointClient();

  Result<std::vector<FabricSocket>> sockets();
  /// Error NotFound.
  Result<FabricClient> resolve(Ipv4Address identity, std::uint16_t port);
  /// Whether a network interface of the VPC has the private address.
  Result<bool> has_address(const std::string& vpc, Ipv4Address address);

  /// netd has closed the connection.
  [[nodiscard]] bool is_over() const;

 private:
  struct Impl;
  explicit EndpointClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::netd
