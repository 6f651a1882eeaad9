// The agent: one loop between the host's channel, the Runtime API and the runtime's processes.
//
// | state of the runtime    | how it is left |
// |-------------------------|-------------------------------------------------------------------------------------|
// | none                    | `init`, or an `invoke` after it ended ("suppressed init") | | starting | it
// asks for an event (-> waiting), reports an init error, or ends                   | | waiting for an event
// | `invoke` hands it one (-> busy)                                                     | | busy | it
// responds, then asks for the next event; or it ends, or `reset` kills it          |
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"
#include "vmm/agent_protocol.hh"
#include "vmm/guest/agent/http.hh"
#include "vmm/guest/agent/runtime_process.hh"

namespace caisson::guest {

class Agent {
 public:
  /// `port`: the virtio port; `signals`: a signalfd for SIGCHLD. Both non-blocking.
  Agent(Fd port, Fd signals) : port_(std::move(port)), signals_(std::move(signals)) {}

  /// Says `ready` and serves until the host's channel breaks the protocol; that error is returned.
  Status run();

 private:
  struct Invocation {
    vmm::agent::Invoke request;
    std::int64_t begun_us = 0;
    bool delivered = false;
    bool started_runtime = false;  ///< it found none: the runtime's init is a part of it
  };

  // The loop.
  Status step();
  Status read_port();
  void write_port();
  void accept_connections();
  void serve_connections();
  void read_output();
  Status reap();

  // The host's messages.
  Status handle(vmm::agent::HostMessage message);
  Status on(const vmm::agent::Init& message);
  Status on(const vmm::agent::PrepareSnapshot& message);
  Status on(const vmm::agent::Restored& message);
  Status on(const vmm::agent::Thawed& message);
  Status on(vmm::agent::Invoke& message);
  Status on(const vmm::agent::Reset& message);

  // The Runtime API.
  void route(HttpConnection& connection, HttpRequest request);
  void on_next(HttpConnection& connection);
  void on_result(HttpConnection& connection, HttpRequest request, std::string_view id, bool is_error);
  void on_init_error(HttpConnection& connection, HttpRequest request);

  void deliver();
  Status on_runtime_ended(int wait_status);
  Status start_for_invocation();
  void stop_runtime();
  void fail_init(std::string error_type, std::string payload);
  void fail_invocation(vmm::agent::ErrorKind kind, std::string error_type, std::string payload);
  void send(vmm::agent::GuestMessage message);
  [[nodiscard]] std::size_t pending() const { return out_.size() - written_; }
  [[nodiscard]] bool host_is_reading() const { return init_begun_us_.has_value() || invocation_.has_value(); }

  Fd port_;
  Fd signals_;
  Fd listener_;
  vmm::agent::FrameReader frames_;
  std::string out_;
  std::size_t written_ = 0;  ///< of out_
  std::int64_t dropped_log_bytes_ = 0;

  RuntimeProcess runtime_;
  vmm::agent::Environment environment_;
  std::optional<std::int64_t> init_begun_us_;  ///< an `init` is to be answered
  std::optional<Invocation> invocation_;
  std::optional<vmm::agent::Environment> restored_;  ///< to be told with the next event

  std::list<HttpConnection> connections_;
  HttpConnection* waiting_ = nullptr;  ///< whose request for an event is to be answered
};

}  // namespace caisson::guest
