// QEMU's monitor over a connected socket.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/fd.hh"
#include "base/result.hh"
#include "vmm/qmp_codec.hh"
#include "vmm/socket_io.hh"

namespace caisson::vmm {

/// States: greeting -> negotiation -> running, and failed, in which every call returns the error that led
/// there: a disconnect, a time-out or a malformed line. One thread at a time.
class QmpClient {
 public:
  explicit QmpClient(Fd socket) : socket_(std::move(socket)) {}

  /// Waits for the greeting and leaves the negotiation mode. Called first, once.
  Status negotiate(Deadline deadline);

  /// A command's "return" member as JSON text. Errors: "QmpError" with QEMU's description (the client stays
  /// usable), else those of the state failed.
  Result<std::string> execute(std::string_view command, const nlohmann::json& arguments, Deadline deadline);
  /// The same without arguments.
  Result<std::string> execute(std::string_view command, Deadline deadline);

  /// Gives QEMU a copy of `fd` under a name ("getfd"), for arguments such as "fd:NAME".
  Status pass_fd(std::string_view name, const Fd& fd, Deadline deadline);

  /// The next event called `name`, as the JSON text of its data; events of other names are dropped. Events
  /// that came while a command was waiting for its answer are kept, at most 64 of them.
  Result<std::string> wait_event(std::string_view name, Deadline deadline);

 private:
  enum class State { kGreeting, kNegotiation, kRunning, kFailed };

  Result<qmp::Message> receive(Deadline deadline, std::string_view what);
  Result<qmp::Message> receive_or_fail(Deadline deadline, std::string_view what);
  /// A QEMU that sends events without end must not hold us: reading them never waits.
  Status check_time(Deadline deadline, std::string_view what);
  Status send(std::string_view line, Deadline deadline);
  Result<std::string> await_return(std::int64_t id, std::string_view command, Deadline deadline);
  Error fail(Error error);
  void keep(qmp::Event event);

  Fd socket_;
  State state_ = State::kGreeting;
  Error failure_;
  qmp::LineReader lines_;
  std::deque<qmp::Event> events_;
  std::int64_t last_id_ = 0;
};

}  // namespace caisson::vmm
