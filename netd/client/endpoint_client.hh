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
#include "base/sigv4/digest.hh"
#include "netd/client/shared_revision.hh"

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

/// Who has connected to a service, and how.
struct FabricConnection {
  FabricClient client;
  std::string service;   ///< "com.amazonaws.us-east-1.s3"
  std::string endpoint;  ///< "vpce-..."; empty: the managed default VPC's own way
};

/// What verifies the signatures of an access key within one scope.
struct VerifyingKey {
  std::string account;
  std::string function;  ///< of a session; empty for an account's key
  sigv4::SigningKey key;
  std::int64_t expires = 0;  ///< of a session, seconds since 1970
};

/// Blocking, thread-safe; errors as AttachClient's, but a reply is waited for three seconds.
class EndpointClient {
 public:
  static Result<std::unique_ptr<EndpointClient>> connect(const std::string& path);
  ~EndpointClient();

  Result<std::vector<FabricSocket>> sockets();
  /// netd's end of it tells is_over().
  Result<RevisionWatch> revision();
  /// Error NotFound.
  Result<FabricClient> resolve(Ipv4Address identity, std::uint16_t port);
  /// `local` is what was connected to. Error NotFound, also for an address that is no service's, or none that the client
  /// has a way to.
  Result<FabricConnection> resolve(Ipv4Address identity, std::uint16_t port, Ipv4Address local);
  /// `token` is empty for an account's key. Errors: UnknownKey, InvalidClientTokenId, ExpiredToken; InvalidClientTokenId also for
  /// what can't be a token of netd's.
  Result<VerifyingKey> key(const std::string& access_key_id, const std::string& token,
                           const sigv4::Scope& scope);
  /// Of an endpoint; empty: the default one, which allows everything. Error NotFound.
  Result<std::string> policy(const std::string& endpoint);
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
