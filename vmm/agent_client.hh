// The host's end of the agent protocol: blocking calls with deadlines.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hh"
#include "vmm/agent_protocol.hh"

namespace caisson::vmm {

/// Speaks with one guest's agent. Used by one thread at a time; borrows the descriptor (MicroVm::agent_fd()).
///
/// Errors of every call: "Timeout" when the deadline has passed (the call may then be followed by reset()
/// after an invoke, by nothing else after the others), "Disconnected" when the peer closed or did not even take the request,
/// "MalformedMessage" and "UnexpectedMessage" when the guest broke the protocol, or the errno of the socket.
/// After any error but Timeout of invoke the microVM must be killed.
inline constexpr std::size_t kLogBurstBytes = 1 << 20;
inline constexpr std::size_t kLogBytesPerSecond = 2 << 20;

class AgentClient {
 public:
  using Clock = std::chrono::steady_clock;
  using Deadline = Clock::time_point;
  /// Called from within the calls below, for each piece of log that arrives: what the runtime wrote, and how
  /// many bytes before it were dropped in the guest. At most agent::kMaxLogBytes. More than kLogBurstBytes at once and
  /// kLogBytesPerSecond in the long run is not taken: the guest waits, and whoever waits for the guest's answer.
  using LogSink = std::function<void(std::string_view bytes, std::int64_t dropped)>;

  AgentClient(int agent_fd, LogSink log);
  ~AgentClient();
  AgentClient(const AgentClient&) = delete;
  AgentClient& operator=(const AgentClient&) = delete;

  Status wait_ready(Deadline deadline);

  using InitResult = std::variant<agent::Initialized, agent::InitError>;
  Result<InitResult> init(const agent::Init& request, Deadline deadline);

  Result<agent::Prepared> prepare_snapshot(Deadline deadline);
  Status restored(const agent::Restored& request, Deadline deadline);
  Status thawed(const agent::Thawed& request, Deadline deadline);

  using InvokeResult = std::variant<agent::Response, agent::InvokeError>;
  /// The answer is for request.request_id; an answer to another id is "UnexpectedMessage", but for one that a
  /// preceding invoke with a Timeout had asked for: that is dropped. `alarm` is called, once, if the answer has not
  /// come by `alarm_at`. "Undelivered": the channel broke before the guest had the whole request, so that none of the
  /// function's code has seen it.
  Result<InvokeResult> invoke(const agent::Invoke& request, Deadline deadline,
                              Deadline alarm_at = Deadline::max(), const std::function<void()>& alarm = {});

  Status reset(Deadline deadline);

  /// Reads what has arrived without waiting; for the time between invocations, when there can be logs only.
  Status drain_logs();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Now, for the clock_ns members.
std::int64_t realtime_ns();
/// `bytes` from getrandom(2), for the entropy members.
std::string host_entropy(std::size_t bytes = agent::kMinEntropyBytes);

}  // namespace caisson::vmm
