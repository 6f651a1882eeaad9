// HTTP requests and responses as values: what the server reads and writes, and the APIs decide on.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace caisson::http {

struct Request {
  std::string method;                          ///< "POST"
  std::string target;                          ///< as sent, with the query
  std::map<std::string, std::string> headers;  ///< names in lower case; equal names are joined by ","
  std::string body;
  bool operator_socket = false;           ///< came over a unix socket, from a peer with is_operator()
  std::optional<unsigned> peer_uid = {};  ///< over a unix socket: who connected (SO_PEERCRED)
  std::string request_id = {};            ///< a UUID of the server's making
  std::int64_t received = 0;              ///< when its header had come, in seconds since 1970

  /// Empty when it is not there.
  [[nodiscard]] const std::string& header(const std::string& name) const {
    static const std::string kNone;
    const auto found = headers.find(name);
    return found == headers.end() ? kNone : found->second;
  }
};

/// The server adds Content-Length, Connection and x-amzn-RequestId.
struct Response {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string content_type = "application/json";  ///< "" for none
  std::string body = {};
};

/// Called once, on any thread.
using ReplyHandler = std::function<void(Response)>;

/// A random UUID (RFC 4122, version 4), as AWS identifies requests.
std::string make_request_id();

}  // namespace caisson::http
