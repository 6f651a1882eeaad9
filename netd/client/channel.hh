// A connection to one of netd's sockets of messages (attach_protocol.hh, endpoint_protocol.hh): requests and replies.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::netd {

struct Reply {
  nlohmann::json members;
  std::vector<Fd> descriptors;
};

/// Error ProtocolError, EPROTO: "OPERATION: netd's reply WHAT".
Error protocol_error(const std::string& operation, const std::string& what);

/// A member of the wanted type, or nullptr.
const nlohmann::json* member(const nlohmann::json& object, const char* name, nlohmann::json::value_t type);
/// Errors: ProtocolError.
Result<std::uint64_t> number(const std::string& operation, const nlohmann::json& object, const char* name);
Result<std::string> text(const std::string& operation, const nlohmann::json& object, const char* name);

/// A connected SOCK_SEQPACKET socket. Errors: those of socket and connect.
Result<Fd> connect_to(const std::string& path);

/// Blocking, thread-safe: one request at a time under a mutex.
struct Channel {
  /// A reply that takes longer than `patience` is an error, ETIMEDOUT, and ends the connection.
  Channel(Fd connected, std::chrono::seconds patience);

  Fd socket;
  std::mutex turn;  ///< one request at a time: API workers, the pool's and the reconnecting thread share it

  Result<Reply> request(const nlohmann::json& request);
  /// For operations whose reply carries one descriptor.
  Result<Fd> request_descriptor(const nlohmann::json& request, nlohmann::json& members);

 private:
  Result<Reply> exchange(const std::string& operation, const nlohmann::json& request);
  Status send(const std::string& operation, const nlohmann::json& request);
  Result<Reply> receive(const std::string& operation);
};

}  // namespace caisson::netd
