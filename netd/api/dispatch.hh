// From an HTTP request to its reply, without any I/O: who asks, for what, with which parameters.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/http/message.hh"
#include "netd/core/backend.hh"

namespace caisson::netd::api {

/// Runs a function that may block, on another thread.
using RunBlocking = std::function<void(std::function<void()>)>;

/// `done` is not necessarily called before dispatch() returns, and not necessarily on its thread.
/// Everything but GET /metrics and GET /healthz is authenticated first, whatever it asks for (authenticate.hh). Reads
/// are answered from the snapshot at once, those with filters by `blocking`, as inspections and metrics are; changes go to
/// Backend::submit(). Thread-safe as
/// far as `backend` is.
void dispatch(http::Request request, core::Backend& backend, const RunBlocking& blocking,
              http::ReplyHandler done);

/// The reply to a request that was refused before it could be dispatched.
http::Response error_reply(const Error& error, const std::string& request_id);

/// A body: JSON text of an object, no deeper than 16; "" is {}. Error SerializationException.
Result<nlohmann::json> parse_body(const std::string& body);

}  // namespace caisson::netd::api
