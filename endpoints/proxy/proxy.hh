// The HTTP and HTTPS side of service endpoints: takes connections, has each request judged, and passes it and its answer on
// piece by piece.
//
// Everything but the sources runs on the threads of one io_context, which must be a single thread. What is held of a
// connection is bounded: a head, one piece in each direction, and for JSON services a body, all of which come out of one
// budget. Nobody reads faster than the other side takes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"
#include "endpoints/model/service.hh"
#include "endpoints/proxy/authority.hh"
#include "endpoints/proxy/parties.hh"

namespace caisson::endpoints {

struct ProxyLimits {
  std::size_t connections = 2048;
  std::size_t connections_per_account = 256;
  std::size_t head_bytes = 32 * 1024;
  std::size_t json_body_bytes = 16 << 20;  ///< DynamoDB's largest request
  std::size_t buffered_bytes = 64 << 20;   ///< of JSON bodies, all together
  std::chrono::milliseconds head{
      10'000};  ///< a handshake's or a request's head, from its first wait to its last byte
  std::chrono::milliseconds idle{60'000};     ///< without a byte of a body
  std::chrono::milliseconds backend{60'000};  ///< until a backend's answer begins
  unsigned judges = 2;                        ///< threads on which sources may block
};

struct ProxyStats {
  std::size_t connections = 0;
  std::uint64_t over_quota = 0;  ///< connections closed since their account, or all together, had too many
  std::size_t buffered_bytes = 0;
};

struct ProxySettings {
  std::vector<Service> services;
  std::string region;
  Certificate certificate;
  Sources sources;
  std::function<void(const Record&)> record;  ///< called on the io_context's thread
  ProxyLimits limits = {};
};

class Proxy {
 public:
  /// `io` must outlive the proxy, and must not be run after it is gone. Error CertificateAuthority for the certificate.
  static Result<std::unique_ptr<Proxy>> make(boost::asio::io_context& io, ProxySettings settings);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  /// A listening IPv4 socket, in the place of the one before it with the same `tls`, whose waiting connections are taken
  /// first. A further descriptor of that one changes nothing. Error: those of Asio for any other. On io's thread.
  Status adopt(Fd listening, bool tls);

  /// No new connections; those that wait for a request are closed, the others after their answer. On io's thread.
  void stop();

  /// On io's thread.
  [[nodiscard]] ProxyStats stats() const;

 private:
  class Impl;
  explicit Proxy(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace caisson::endpoints
