#include "netd/api/dispatch.hh"

#include <algorithm>
#include <string_view>

#include "base/json_depth.hh"
#include "netd/api/authenticate.hh"
#include "netd/api/flows.hh"
#include "netd/api/operations.hh"

namespace caisson::netd::api {
namespace {

constexpr std::string_view kPrefix = "/v1/";
constexpr std::size_t kDeepest = 16;

http::Response json_reply(const Json& body) {
  // "replace": a string that is not UTF-8 cannot have come in, but must not end the daemon if it does.
  return {.body = body.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

Error for_operators_only() {
  return {.code = "UnauthorizedOperation",
          .message =
              "You are not authorized to perform this operation: it is for operators, over the unix socket."};
}

http::Response reply_to(const Result<Json>& result, const std::string& request_id) {
  return result ? json_reply(result.value()) : error_reply(result.error(), request_id);
}

http::Response get(const http::Request& request, core::Backend& backend) {
  if (request.target == "/healthz") {
    Json health = backend.health();
    if (!request.operator_socket) health.erase("LastFailure");  // it may name what belongs to an account
    http::Response reply = json_reply(health);
    if (health.value("Status", "ok") != "ok") reply.status = 503;
    return reply;
  }
  return error_reply({.code = "NotFound", .message = "There are GET /metrics and GET /healthz"},
                     request.request_id);
}

/// Takes DryRun out of the parameters: a command that is stored was never one.
bool take_dry_run(Json& parameters) {
  const auto found = parameters.find("DryRun");
  if (found == parameters.end()) return false;
  const bool dry = found->get<bool>();
  parameters.erase(found);
  return dry;
}

void perform(const Operation& operation, core::Request request, core::Backend& backend,
             const RunBlocking& blocking, http::ReplyHandler done) {
  const auto checked = check_parameters(operation, request.parameters);
  const std::string request_id = request.request_id;
  if (!checked) return done(error_reply(checked.error(), request_id));
  const bool filtered = request.parameters.contains("Filters");
  const bool dry = take_dry_run(request.parameters);
  if (dry || !operation.changes()) {
    const auto look = [&operation, dry, state = backend.snapshot(), request = std::move(request),
                       done = std::move(done)] {
      if (dry) {
        const Error outcome = dry_run(operation, *state, request.account, request.parameters);
        return done(error_reply(outcome, request.request_id));
      }
      done(reply_to(operation.read(*state, request.account, request.parameters), request.request_id));
    };
    // Two hundred patterns on thousands of resources can take seconds, which nobody else shall wait for.
    return filtered ? blocking(look) : look();
  }
  backend.submit(std::move(request), [request_id, done = std::move(done)](Result<Json> result) {
    done(reply_to(result, request_id));
  });
}

}  // namespace

http::Response error_reply(const Error& error, const std::string& request_id) {
  http::Response reply = json_reply(error_body(error, request_id));
  reply.status = http_status(error);
  return reply;
}

Result<Json> parse_body(const std::string& body) {
  if (body.empty()) return Json::object();
  if (nested_deeper_than(body, kDeepest)) {
    return Error{.code = "SerializationException", .message = "The body is nested deeper than 16 levels"};
  }
  Json parsed = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    return Error{.code = "SerializationException", .message = "The body must be the JSON text of an object"};
  }
  return parsed;
}

void dispatch(http::Request request, core::Backend& backend, const RunBlocking& blocking,
              http::ReplyHandler done) {
  if (request.method == "GET" && request.target == "/metrics") {
    return blocking([&backend, done = std::move(done)] {
      done({.content_type = "text/plain; version=0.0.4", .body = backend.metrics()});
    });
  }
  if (request.method == "GET" && request.target == "/healthz") return done(get(request, backend));
  const auto fail = [&](const Error& error) { done(error_reply(error, request.request_id)); };
  const auto account = authenticate(request, backend);
  if (!account) return fail(account.error());
  if (request.method == "GET") return done(get(request, backend));
  if (request.method != "POST") {
    return fail({.code = "MethodNotAllowed", .message = "Actions are POST /v1/ACTION with a JSON body"});
  }
  if (!request.target.starts_with(kPrefix)) {
    return fail({.code = "NotFound", .message = "Actions are POST /v1/ACTION"});
  }
  const std::string name = request.target.substr(kPrefix.size());
  auto parameters = parse_body(request.body);
  if (!parameters) return fail(parameters.error());
  if (const auto* inspection = find_inspection(name); inspection != nullptr) {
    if (inspection->operators_only && !request.operator_socket) return fail(for_operators_only());
    if (const Status checked = check_parameters(inspection->members, parameters.value()); !checked)
      return fail(checked.error());
    blocking([&backend, name, account = account.value(), parameters = std::move(parameters.value()),
              operator_socket = request.operator_socket, request_id = request.request_id,
              done = std::move(done)] {
      auto reply = backend.inspect(account, name, parameters);
      if (reply && name == "DescribeFlows") reply = page_of_flows(std::move(reply.value()), parameters);
      // All accounts take slots from the one pool: how many are left tells of the others.
      if (reply && !operator_socket) reply.value().erase("SlotPool");
      done(reply_to(reply, request_id));
    });
    return;
  }
  const Operation* operation = find_operation(name);
  if (operation == nullptr || operation->internal) {
    return fail({.code = "InvalidAction",
                 .message = "The action " + name.substr(0, 64) + " is not valid for this web service."});
  }
  if (operation->operators_only && !request.operator_socket) return fail(for_operators_only());
  perform(*operation,
          {.account = account.value(),
           .operation = name,
           .parameters = std::move(parameters.value()),
           .request_id = request.request_id},
          backend, blocking, std::move(done));
}

}  // namespace caisson::netd::api
