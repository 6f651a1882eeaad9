// From an HTTP request to its reply, without any I/O: who asks, for what, with which parameters.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "netd/core/backend.hh"

namespace caisson::netd::api {

struct HttpRequest {
  std::string method;  ///< "POST"
  std::string target;  ///< "/v1/CreateVpc"
  std::string body;
  std::string account;  ///< X-Caisson-Account, "" when absent. Only what came over the unix socket has one.
  std::string request_id;  ///< of our making; the reply shows it
};

struct HttpReply {
  unsigned status = 200;
  std::string content_type;
  std::string body;
};

/// Called once; not necessarily before dispatch() returns and not necessarily on its thread.
using ReplyHandler = std::function<void(HttpReply)>;
/// Runs a function that may block, on another thread.
using RunBlocking = std::function<void(std::function<void()>)>;

/// Reads are answered from the snapshot at once, changes go to Backend::submit(), inspections to `blocking`.
/// Thread-safe as far as `backend` is.
void dispatch(HttpRequest request, core::Backend& backend, const RunBlocking& blocking, ReplyHandler done);

/// The reply to a request that was refused before it could be dispatched.
HttpReply error_reply(const Error& error, const std::string& request_id);

/// A body: JSON text of an object, no deeper than 16; "" is {}. Error SerializationException.
Result<nlohmann::json> parse_body(const std::string& body);

}  // namespace caisson::netd::api
