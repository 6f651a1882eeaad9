// What the host and the guest's agent say to each other on the virtio-serial port "agent".
//
// A frame is a length (4 bytes, little endian, 1..kMaxMessageBytes) and that many bytes: one CBOR map (RFC
// 8949) with a text "type". Members that bear bytes from or for a function (payloads, logs, entropy) are CBOR
// byte strings. A member more is ignored, one missing (but for ca_certificate) or of another type makes the message
// malformed.
//
// | host -> guest      | members                                                          | the guest answers               |
// |--------------------|------------------------------------------------------------------|---------------------------------|
// |                    |                                                                  | ready, once, after boot         |
// | init               | environment, handler, memory_mib, tmp_mib, ca_certificate,       | initialized or init_error       |
// |                    | clock_ns, entropy                                                |                                 |
// | prepare_snapshot   |                                                                  | prepared                        |
// | restored           | clock_ns, entropy, environment (updates)                         | restored                        |
// | thawed             | clock_ns                                                         | thawed                          |
// | invoke             | request_id, deadline_ms, arn, trace_id, client_context, payload  | response or error, for its id   |
// | reset              |                                                                  | reset_done                      |
//
// `log` messages come at any time. The host sends one request and waits for its answer before the next one,
// with two exceptions: a `reset` may follow an invoke that has not been answered (a time-out), after which
// that invoke's answer does not come; and `thawed` or `restored` may be followed by an invoke at once.
//
// A guest is hostile: the host checks each length and member and drops the microVM at the first malformed
// byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hh"

namespace caisson::vmm::agent {

inline constexpr std::size_t kMaxMessageBytes = 8 * 1024 * 1024;
/// Lambda's limit for the payload of a synchronous invocation, in both directions (6 MB).
inline constexpr std::size_t kMaxPayloadBytes = 6 * 1024 * 1024;
/// A log message is at most this long; longer output comes in several.
inline constexpr std::size_t kMaxLogBytes = 64 * 1024;
inline constexpr std::size_t kMinEntropyBytes = 32;
inline constexpr std::size_t kMaxEntropyBytes = 1024;
inline constexpr std::size_t kMaxCertificateBytes = 64 * 1024;

using Environment = std::map<std::string, std::string>;

// --- host -> guest
// ---------------------------------------------------------------------------------------------

/// Mounts code ("code" drive on /var/task) and layers ("layer1".. on /opt), sets clock and entropy, starts
/// the runtime. Sent once, after `ready`.
struct Init {
  /// The function's variables and Lambda's reserved ones, but for those that the agent sets itself: _HANDLER,
  /// AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT, LAMBDA_RUNTIME_DIR, and where missing LANG, PATH, TZ,
  /// LD_LIBRARY_PATH.
  Environment environment;
  std::string handler;          ///< "app.handler"
  std::int64_t memory_mib = 0;  ///< the function's memory size, AWS_LAMBDA_FUNCTION_MEMORY_SIZE where missing
  std::int64_t tmp_mib = 512;   ///< size of /tmp, 1..10240
  /// A certificate authority's, PEM, that the guest is to trust beside those in its image; or empty. At most
  /// kMaxCertificateBytes.
  std::string ca_certificate;
  std::int64_t clock_ns = 0;  ///< CLOCK_REALTIME of the host, nanoseconds
  std::string entropy;        ///< kMinEntropyBytes..kMaxEntropyBytes random bytes
};

/// Destroys what must not be in a snapshot: every TCP socket that is not a loopback one.
struct PrepareSnapshot {};

/// The first message after MicroVm::restore and resume. The runtime learns of it with its next event.
struct Restored {
  std::int64_t clock_ns = 0;
  std::string entropy;
  Environment environment;  ///< set in the runtime before its next event: credentials, log stream
};

/// The first message after a resume of the same microVM.
struct Thawed {
  std::int64_t clock_ns = 0;
};

struct Invoke {
  std::string request_id;        ///< [A-Za-z0-9-], 1..64
  std::int64_t deadline_ms = 0;  ///< Unix time; told to the runtime, enforced by the host
  std::string arn;               ///< as invoked, with the qualifier
  std::string trace_id;          ///< empty: none
  std::string client_context;    ///< JSON text, empty: none
  std::string payload;           ///< the event, at most kMaxPayloadBytes
};

/// Kills all processes of the runtime; /tmp stays. The runtime is started again by the next invoke, within
/// that invoke's time (Lambda's "suppressed init").
struct Reset {};

using HostMessage = std::variant<Init, PrepareSnapshot, Restored, Thawed, Invoke, Reset>;

// --- guest -> host
// ---------------------------------------------------------------------------------------------

struct Ready {};

/// The runtime asked for its first event.
struct Initialized {
  std::int64_t duration_us = 0;  ///< from `init` to the first request for an event
  std::int64_t max_memory_mib = 0;
};

/// The runtime reported an init error or ended before it asked for an event.
struct InitError {
  std::string error_type;  ///< the runtime's, or "Runtime.ExitError"
  std::string payload;     ///< {"errorMessage", "errorType", "stackTrace"} as JSON
};

struct Prepared {
  std::int64_t destroyed_sockets = 0;
};
struct RestoredAcknowledged {};
struct ThawedAcknowledged {};
struct ResetDone {};

struct Response {
  std::string request_id;
  std::string payload;
  std::int64_t duration_us = 0;  ///< in the guest, from the event's arrival at the agent to the response
  std::int64_t max_memory_mib = 0;
};

/// How an invocation failed.
enum class ErrorKind {
  kHandled,   ///< the runtime reported an error of the handler
  kExit,      ///< the runtime ended; the agent starts it again with the next invoke
  kTooLarge,  ///< the response exceeded kMaxPayloadBytes: Function.ResponseSizeTooLarge
  kInit,      ///< the suppressed init of this invoke failed
};

struct InvokeError {
  std::string request_id;
  std::string error_type;
  std::string payload;  ///< {"errorMessage", "errorType", ...} as JSON; at most kMaxPayloadBytes
  ErrorKind kind = ErrorKind::kHandled;
  std::int64_t duration_us = 0;
  std::int64_t max_memory_mib = 0;
};

/// What the runtime wrote to its standard output and error, in order, not aligned to lines. `dropped` counts
/// bytes that were left out before it since the host did not read fast enough.
struct Log {
  std::string bytes;
  std::int64_t dropped = 0;
};

using GuestMessage = std::variant<Ready, Initialized, InitError, Prepared, RestoredAcknowledged,
                                  ThawedAcknowledged, ResetDone, Response, InvokeError, Log>;

// --- codec
// -----------------------------------------------------------------------------------------------------

/// A whole frame, length first. Total: a message over kMaxMessageBytes is the caller's bug and aborts.
std::string encode(HostMessage message);
std::string encode(GuestMessage message);

/// One frame's body to a message. Errors: "MalformedMessage" and what is wrong with it.
Result<HostMessage> decode_host_message(std::string_view body);
Result<GuestMessage> decode_guest_message(std::string_view body);

/// The message's "type", for logs and errors.
std::string_view type_of(const GuestMessage& message);

/// Cuts a stream of bytes into frames. Holds at most one frame and what feed() was given last; after an error
/// it stays in error. Not thread-safe.
class FrameReader {
 public:
  void feed(std::string_view bytes);
  /// The next whole frame's body; nullopt: more bytes are needed. Errors: "MalformedMessage" for a length of
  /// zero or above kMaxMessageBytes.
  Result<std::optional<std::string>> next();
  /// Does the buffer hold nothing of a frame that has begun?
  [[nodiscard]] bool empty() const { return buffer_.size() == consumed_; }

 private:
  std::string buffer_;
  std::size_t consumed_ = 0;
};

}  // namespace caisson::vmm::agent
