#include "runner/invoke/invoker.hh"

#include <nlohmann/json.hpp>
#include <utility>

#include "runner/invoke/deployer.hh"
#include "runner/invoke/log_tail.hh"

namespace caisson::runner {

namespace {

using Json = nlohmann::json;

constexpr int kMaxSwitches = 8;
/// Environments that end before they have the event; each was well a moment before.
constexpr int kMaxDeliveries = 3;

Error internal() {
  return {.code = "ServiceException", .message = "An internal error occurred. Please try again."};
}

/// An error before the function ran, as Lambda words it.
Error to_lambda(const Error& error) {
  if (error.code == "TooManyRequestsException" || error.code == "ResourceNotFoundException" ||
      error.code == "ServiceException") {
    return error;
  }
  if (error.code == "NoFreeUser" || error.code == kNoFreeSlot) {
    return {.code = "TooManyRequestsException", .message = "Rate Exceeded."};
  }
  const Reason reason = reason_of(error);
  if (reason.code == "InvalidSubnet") return {.code = "InvalidSubnetIDException", .message = reason.message};
  if (reason.code == "InvalidSecurityGroup") {
    return {.code = "InvalidSecurityGroupIDException", .message = reason.message};
  }
  if (reason.code == "SubnetOutOfIPAddresses") {
    return {.code = "SubnetIPAddressLimitReachedException", .message = reason.message};
  }
  return {.code = "ServiceException",
          .message = "The execution environment could not be started: " + error.text()};
}

const char* result_of(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kResponse:
      return "success";
    case Outcome::Kind::kError:
      return "error";
    case Outcome::Kind::kTimeout:
      return "timeout";
    case Outcome::Kind::kLost:
    case Outcome::Kind::kUndelivered:
      return "lost";
  }
  return "";
}

std::string error_json(const std::string& message, const std::string& type) {
  return Json{{"errorMessage", message}, {"errorType", type}}.dump(-1, ' ', false,
                                                                   Json::error_handler_t::replace);
}

InvokeReply init_error_reply(const InvokeRequest& request, const Settings& settings, const Error& error) {
  Outcome outcome{.kind = Outcome::Kind::kError, .payload = error.message};
  const Json parsed = Json::parse(error.message, nullptr, false);
  // The guest's words: they may be anything.
  const auto type = parsed.is_object() ? parsed.find("errorType") : parsed.end();
  outcome.error_type =
      type != parsed.end() && type->is_string() ? type->get<std::string>() : "Runtime.Unknown";
  if (!parsed.is_object()) outcome.payload = error_json(error.message, outcome.error_type);
  return make_reply(request, settings, outcome, StartKind::kReused, {}, std::chrono::system_clock::now());
}

/// There is no environment.
Result<InvokeReply> refuse(const InvokeRequest& request, const Settings& settings, const Error& error,
                           InvokeRecord& record) {
  if (error.code.starts_with("FunctionError.")) {
    record.result = "error";
    return init_error_reply(request, settings, error);
  }
  const bool is_lambdas = error.code == "ResourceConflictException" || error.code.ends_with("IDException");
  Error answer = is_lambdas ? error : to_lambda(error);
  record.result = answer.code == "TooManyRequestsException" ? "throttled" : "refused";
  return answer;
}

}  // namespace

Status check_invocable(const Function& function) {
  if (function.state == State::kActive) return ok();
  if (function.state == State::kFailed && function.state_reason.code == "InvalidSubnet") {
    return Error{.code = "InvalidSubnetIDException", .message = function.state_reason.message};
  }
  if (function.state == State::kFailed && function.state_reason.code == "InvalidSecurityGroup") {
    return Error{.code = "InvalidSecurityGroupIDException", .message = function.state_reason.message};
  }
  return Error{.code = "ResourceConflictException",
               .message =
                   "The operation cannot be performed at this time. The function is currently in the "
                   "following state: " +
                   std::string(text(function.state))};
}

InvokeReply make_reply(const InvokeRequest& request, const Settings& settings, const Outcome& outcome,
                       StartKind start, std::chrono::microseconds start_duration,
                       std::chrono::system_clock::time_point now) {
  InvokeReply reply;
  Report report{.request_id = request.request_id,
                .duration = outcome.duration,
                .memory_mib = settings.memory_mib,
                .max_memory_mib = outcome.max_memory_mib};
  if (start == StartKind::kBooted) report.start = "Init";
  if (start == StartKind::kRestored) report.start = "Restore";
  report.start_duration = start_duration;
  reply.function_error = outcome.kind != Outcome::Kind::kResponse;
  std::string note;
  switch (outcome.kind) {
    case Outcome::Kind::kResponse:
      reply.payload = outcome.payload;
      break;
    case Outcome::Kind::kError:
      reply.payload = outcome.payload;
      if (outcome.error_type.starts_with("Runtime.") || outcome.error_type.starts_with("Sandbox.")) {
        report.status = "error";
        report.error_type = outcome.error_type;
      }
      break;
    case Outcome::Kind::kTimeout: {
      const std::string message =
          timeout_message(now, request.request_id, std::chrono::seconds(settings.timeout_seconds));
      reply.payload = Json{{"errorMessage", message}}.dump();
      note = message + "\n\n";
      report.status = "timeout";
      break;
    }
    case Outcome::Kind::kLost:
    case Outcome::Kind::kUndelivered:
      reply.payload =
          error_json("RequestId: " + request.request_id + " Error: Runtime exited without providing a reason",
                     "Runtime.ExitError");
      report.status = "error";
      report.error_type = "Runtime.ExitError";
      break;
  }
  LogTail tail;
  tail.add(start_line(request.request_id, "$LATEST"));
  tail.add(outcome.log);
  if (!outcome.log.empty() && !outcome.log.ends_with('\n')) tail.add("\n");
  tail.add(note);
  tail.add(end_line(request.request_id));
  tail.add(report_line(report));
  reply.log = tail.take();
  return reply;
}

Result<Pool::Lease> Invoker::acquire(const InvokeRequest& request, Settings& settings) {
  Error last = internal();
  std::string tried;
  for (int attempt = 0; attempt < kMaxSwitches; ++attempt) {
    TRY(const auto function, deployer_.get(request.key));
    TRYV(check_invocable(*function));
    // The same deployment failed: the error is no consequence of a switch to another.
    if (function->deployment == tried) break;
    tried = function->deployment;
    settings = function->current;
    auto deployment = deployer_.deployment(*function);
    if (!deployment) {
      last = std::move(deployment).error();
      continue;
    }
    auto lease = pool_.acquire(deployment.value());
    if (lease) return lease;
    last = std::move(lease).error();
  }
  return last;
}

Result<InvokeReply> Invoker::run(const InvokeRequest& request, InvokeRecord& record) {
  for (int delivery = 1; delivery <= kMaxDeliveries; ++delivery) {
    Settings settings;
    auto lease = acquire(request, settings);
    if (!lease) return refuse(request, settings, lease.error(), record);
    record.start = lease.value().how();
    if (record.start == StartKind::kBooted) deployer_.warm_again(request.key);
    const Outcome outcome =
        lease.value().environment().invoke({.request_id = request.request_id,
                                            .arn = request.arn,
                                            .trace_id = request.trace_id,
                                            .client_context = request.client_context,
                                            .payload = request.payload,
                                            .timeout = std::chrono::seconds(settings.timeout_seconds)});
    record.result = result_of(outcome);
    if (!outcome.usable) lease.value().discard();
    if (outcome.kind == Outcome::Kind::kUndelivered) continue;
    return make_reply(request, settings, outcome, record.start, lease.value().start_duration(),
                      std::chrono::system_clock::now());
  }
  return internal();
}

Result<InvokeReply> Invoker::invoke(const InvokeRequest& request) {
  InvokeRecord record;
  const auto begin = std::chrono::steady_clock::now();
  Result<InvokeReply> reply = run(request, record);
  record.total =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  if (observer_) observer_(record);
  return reply;
}

}  // namespace caisson::runner
