// One invocation, from the request to the reply.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/result.hh"
#include "runner/functions/function.hh"
#include "runner/pool/pool.hh"

namespace caisson::runner {

class Deployer;

struct InvokeRequest {
  FunctionKey key;
  std::string arn;  ///< as invoked
  std::string request_id;
  std::string payload;  ///< JSON
  std::string trace_id;
  std::string client_context;  ///< JSON, decoded
};

struct InvokeReply {
  std::string payload;
  bool function_error = false;  ///< X-Amz-Function-Error: Unhandled
  std::string log;              ///< at most kLogTailBytes
  std::string executed_version = "$LATEST";
};

/// What an invocation came to, for the metrics.
struct InvokeRecord {
  const char* result = "";  ///< "success", "error", "timeout", "lost", "throttled", "refused"
  StartKind start = StartKind::kReused;
  std::chrono::microseconds total{};
};

/// Thread-safe; blocks as long as the function runs.
class Invoker {
 public:
  using Observer = std::function<void(const InvokeRecord&)>;

  Invoker(Deployer& deployer, Pool& pool, Observer observer)
      : deployer_(deployer), pool_(pool), observer_(std::move(observer)) {}

  /// Errors are those that Lambda answers with instead of a function's result: ResourceNotFoundException,
  /// ResourceConflictException, TooManyRequestsException, InvalidSubnetIDException and its like, ServiceException.
  Result<InvokeReply> invoke(const InvokeRequest& request);

 private:
  Result<Pool::Lease> acquire(const InvokeRequest& request, Settings& settings);
  Result<InvokeReply> run(const InvokeRequest& request, InvokeRecord& record);

  Deployer& deployer_;
  Pool& pool_;
  const Observer observer_;
};

/// May a function in this state be invoked? ResourceConflictException, or the error of what made it fail.
Status check_invocable(const Function& function);

/// The reply for an outcome: payload, error flag and log lines.
InvokeReply make_reply(const InvokeRequest& request, const Settings& settings, const Outcome& outcome,
                       StartKind start, std::chrono::microseconds start_duration,
                       std::chrono::system_clock::time_point now);

}  // namespace caisson::runner
