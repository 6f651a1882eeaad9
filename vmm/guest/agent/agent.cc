#include "vmm/guest/agent/agent.hh"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "vmm/guest/agent/system.hh"

namespace caisson::guest {

namespace agent = vmm::agent;

namespace {

/// Of logs that wait for the host: more is left in the runtime's pipe, or dropped while no one reads.
constexpr std::size_t kMaxPendingBytes = 256 * 1024;

/// A runtime needs one, an extension another.
constexpr std::size_t kMaxConnections = 64;

std::int64_t monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

void Agent::send(agent::GuestMessage message) {
  std::string frame = agent::encode(std::move(message));
  // While the host lags behind a stream of logs, nothing else would ever shorten it.
  if (written_ > kMaxPendingBytes) out_.erase(0, std::exchange(written_, 0));
  if (out_.empty()) {
    out_ = std::move(frame);
  } else {
    out_ += frame;
  }
  write_port();
}

Status Agent::run() {
  TRY(listener_, listen_on_loopback(kRuntimeApiAddress, kRuntimeApiPort));
  send(agent::Ready{});
  for (;;) {
    TRYV(step());
  }
}

Status Agent::step() {
  std::vector<pollfd> entries = {
      {.fd = port_.get(),
       .events = static_cast<short>(POLLIN | (pending() == 0 ? 0 : POLLOUT)),
       .revents = 0},
      {.fd = signals_.get(), .events = POLLIN, .revents = 0},
      {.fd = connections_.size() < kMaxConnections ? listener_.get() : -1, .events = POLLIN, .revents = 0}};
  // Back-pressure while the host reads; otherwise the output is taken, and dropped when there is too much.
  const bool take_output = pending() < kMaxPendingBytes || !host_is_reading();
  entries.push_back({.fd = take_output ? runtime_.output() : -1, .events = POLLIN, .revents = 0});
  for (const auto& connection : connections_) {
    entries.push_back({.fd = connection.fd(), .events = connection.wanted_events(), .revents = 0});
  }
  if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR)
    return Error::system(errno, "poll", "the agent");
  if (entries[3].revents != 0) read_output();
  serve_connections();
  if (entries[2].revents != 0) accept_connections();
  if (entries[1].revents != 0) {
    TRYV(reap());
  }
  if ((entries[0].revents & POLLOUT) != 0) write_port();
  if ((entries[0].revents & POLLIN) != 0) return read_port();
  return ok();
}

Status Agent::read_port() {
  char chunk[64 * 1024];
  for (;;) {
    const ssize_t count = ::read(port_.get(), chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return ok();
    if (count < 0) return Error::system(errno, "read", "the host's channel");
    if (count == 0) return ok();
    frames_.feed({chunk, static_cast<std::size_t>(count)});
    for (;;) {
      TRY(auto body, frames_.next());
      if (!body) break;
      TRY(auto message, agent::decode_host_message(*body));
      body.reset();
      TRYV(handle(std::move(message)));
    }
  }
}

void Agent::write_port() {
  while (pending() > 0) {
    const ssize_t count = ::write(port_.get(), out_.data() + written_, pending());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    written_ += static_cast<std::size_t>(count);
  }
  // Freed as a whole: the port takes 32 KiB at a time, and to move the rest each time would cost a second.
  out_ = {};
  written_ = 0;
}

void Agent::accept_connections() {
  while (connections_.size() < kMaxConnections) {
    Fd socket = Fd::own(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    connections_.emplace_back(std::move(socket));
  }
}

void Agent::serve_connections() {
  for (auto at = connections_.begin(); at != connections_.end();) {
    at->write();
    if (auto request = at->read()) route(*at, std::move(*request));
    if (at->finished()) {
      if (waiting_ == &*at) waiting_ = nullptr;
      at = connections_.erase(at);
    } else {
      ++at;
    }
  }
}

void Agent::read_output() {
  char chunk[agent::kMaxLogBytes];
  // At most what a pipe holds and a little, so that a runtime that never stops writing doesn't keep us here.
  for (int rounds = 0; rounds < 3 && runtime_.output() >= 0; ++rounds) {
    const ssize_t count = ::read(runtime_.output(), chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) runtime_.close_output();
    if (count <= 0) return;
    if (pending() > kMaxPendingBytes && !host_is_reading()) {
      dropped_log_bytes_ += count;
      continue;
    }
    send(agent::Log{.bytes = {chunk, static_cast<std::size_t>(count)},
                    .dropped = std::exchange(dropped_log_bytes_, 0)});
  }
}

Status Agent::reap() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
  }
  if (const auto status = runtime_.reap()) return on_runtime_ended(*status);
  return ok();
}

// --- the host's messages
// ---------------------------------------------------------------------------------------

Status Agent::handle(agent::HostMessage message) {
  return std::visit([this](auto& m) { return on(m); }, message);
}

Status Agent::on(const agent::Init& message) {
  TRYV(set_clock(message.clock_ns));
  TRYV(add_entropy(message.entropy));
  init_begun_us_ = monotonic_us();
  TRYV(mount_function(message.tmp_mib));
  TRYV(trust_authority(message.ca_certificate));
  environment_ = runtime_environment(message);
  return runtime_.start(environment_);
}

Status Agent::on(const agent::PrepareSnapshot&) {
  read_output();
  TRY(const auto destroyed, destroy_tcp_sockets());
  send(agent::Prepared{.destroyed_sockets = destroyed});
  return ok();
}

Status Agent::on(const agent::Restored& message) {
  TRYV(set_clock(message.clock_ns));
  TRYV(add_entropy(message.entropy));
  for (const auto& [name, value] : message.environment)
    environment_[name] = value;
  restored_ = message.environment;
  send(agent::RestoredAcknowledged{});
  return ok();
}

Status Agent::on(const agent::Thawed& message) {
  TRYV(set_clock(message.clock_ns));
  send(agent::ThawedAcknowledged{});
  return ok();
}

Status Agent::on(agent::Invoke& message) {
  invocation_ = Invocation{.request = std::move(message), .begun_us = monotonic_us()};
  if (!runtime_.running()) {
    TRYV(start_for_invocation());
  }
  deliver();
  return ok();
}

Status Agent::on(const agent::Reset&) {
  invocation_.reset();
  stop_runtime();
  send(agent::ResetDone{});
  return ok();
}

// --- the Runtime API
// -------------------------------------------------------------------------------------------

namespace {

/// A header's value can't hold control characters; JSON text may have some as white space.
std::string header(const char* name, std::string value) {
  if (value.empty()) return {};
  for (char& c : value) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return std::string(name) + ": " + value + "\r\n";
}

std::string error_body(std::string_view type, std::string_view text) {
  return "{\"errorMessage\":" + json_string(text) + ",\"errorType\":" + json_string(type) + "}";
}

HttpResponse json_response(int status, std::string body) {
  return {.status = status, .headers = "Content-Type: application/json\r\n", .body = std::move(body)};
}

HttpResponse accepted() {
  return json_response(202, R"({"status":"OK"})");
}

std::string event_headers(const agent::Invoke& request) {
  return "Content-Type: application/json\r\n" + header("Lambda-Runtime-Aws-Request-Id", request.request_id) +
         header("Lambda-Runtime-Deadline-Ms", std::to_string(request.deadline_ms)) +
         header("Lambda-Runtime-Invoked-Function-Arn", request.arn) +
         header("Lambda-Runtime-Trace-Id", request.trace_id) +
         header("Lambda-Runtime-Client-Context", request.client_context);
}

/// For the runtime's first event after a restore: "NAME=value" and a zero byte for each variable, in base64.
/// Its presence asks the runtime to reseed its random generators.
std::string restored_header(const agent::Environment& environment) {
  std::string variables;
  for (const auto& [name, value] : environment)
    variables += name + "=" + value + '\0';
  return "Caisson-Restored: " + base64(variables) + "\r\n";
}

constexpr std::string_view kPrefix = "/2018-06-01/runtime/";

}  // namespace

void Agent::route(HttpConnection& connection, HttpRequest request) {
  const std::string target = request.target;
  std::string_view path = target;
  const bool known = path.starts_with(kPrefix);
  path.remove_prefix(known ? kPrefix.size() : 0);
  if (known && request.method == "GET" && path == "invocation/next") return on_next(connection);
  if (known && request.method == "POST" && path == "init/error")
    return on_init_error(connection, std::move(request));
  if (known && request.method == "POST" && path.starts_with("invocation/")) {
    path.remove_prefix(std::string_view("invocation/").size());
    const auto slash = path.find('/');
    const std::string_view verb = slash == std::string_view::npos ? "" : path.substr(slash + 1);
    if (verb == "response" || verb == "error") {
      return on_result(connection, std::move(request), path.substr(0, slash), verb == "error");
    }
  }
  connection.respond(json_response(404, error_body("NotFound", "no such operation of the Runtime API")));
}

void Agent::on_next(HttpConnection& connection) {
  if (waiting_ != nullptr) {
    return connection.respond(
        json_response(403, error_body("Forbidden", "the runtime is waiting for an event already")));
  }
  waiting_ = &connection;
  if (init_begun_us_) {
    read_output();
    const std::int64_t begun = *std::exchange(init_begun_us_, std::nullopt);
    send(agent::Initialized{.duration_us = monotonic_us() - begun,
                            .max_memory_mib = RuntimeProcess::max_memory_mib()});
  }
  deliver();
}

void Agent::deliver() {
  if (waiting_ == nullptr || !invocation_ || invocation_->delivered) return;
  HttpResponse response{.headers = event_headers(invocation_->request),
                        .body = std::move(invocation_->request.payload)};
  if (restored_) response.headers += restored_header(*std::exchange(restored_, std::nullopt));
  invocation_->delivered = true;
  std::exchange(waiting_, nullptr)->respond(response);
}

void Agent::on_result(HttpConnection& connection, HttpRequest request, std::string_view id, bool is_error) {
  if (!invocation_ || !invocation_->delivered || invocation_->request.request_id != id) {
    return connection.respond(json_response(400, error_body("InvalidRequestID", "Invalid request ID")));
  }
  if (request.body_bytes > agent::kMaxPayloadBytes) {
    const std::string text = "Response payload size exceeded maximum allowed payload size (" +
                             std::to_string(agent::kMaxPayloadBytes) + " bytes).";
    const std::string body = error_body("Function.ResponseSizeTooLarge", text);
    connection.respond(json_response(413, body));
    return fail_invocation(agent::ErrorKind::kTooLarge, "Function.ResponseSizeTooLarge", body);
  }
  connection.respond(accepted());
  if (is_error) {
    const std::string type = request.error_type.empty() ? "Unhandled" : request.error_type.substr(0, 256);
    return fail_invocation(agent::ErrorKind::kHandled, type, std::move(request.body));
  }
  read_output();
  agent::Response response{.request_id = std::string(id),
                           .payload = std::move(request.body),
                           .duration_us = monotonic_us() - invocation_->begun_us,
                           .max_memory_mib = RuntimeProcess::max_memory_mib()};
  send(std::move(response));
  invocation_.reset();
}

void Agent::on_init_error(HttpConnection& connection, HttpRequest request) {
  connection.respond(accepted());
  request.body.resize(std::min(request.body.size(), agent::kMaxPayloadBytes));
  const std::string type = request.error_type.empty() ? "Runtime.Unknown" : request.error_type.substr(0, 256);
  fail_init(type, std::move(request.body));
}

// --- ends
// ------------------------------------------------------------------------------------------------------

void Agent::fail_init(std::string error_type, std::string payload) {
  read_output();
  if (std::exchange(init_begun_us_, std::nullopt)) {
    send(agent::InitError{.error_type = std::move(error_type), .payload = std::move(payload)});
  } else if (invocation_ && !invocation_->delivered) {
    fail_invocation(agent::ErrorKind::kInit, std::move(error_type), std::move(payload));
  }
}

void Agent::fail_invocation(agent::ErrorKind kind, std::string error_type, std::string payload) {
  read_output();
  send(agent::InvokeError{.request_id = invocation_->request.request_id,
                          .error_type = std::move(error_type),
                          .payload = std::move(payload),
                          .kind = kind,
                          .duration_us = monotonic_us() - invocation_->begun_us,
                          .max_memory_mib = RuntimeProcess::max_memory_mib()});
  invocation_.reset();
}

Status Agent::start_for_invocation() {
  invocation_->started_runtime = true;
  return runtime_.start(environment_);
}

Status Agent::on_runtime_ended(int wait_status) {
  // What it said before its end: a response may lie in the socket still.
  serve_connections();
  read_output();
  // It was ending already when the invocation came, after an error that it reported for the one before.
  if (invocation_ && !invocation_->delivered && !invocation_->started_runtime) {
    stop_runtime();
    return start_for_invocation();
  }
  const std::string what = "Runtime exited with error: " + describe_exit(wait_status);
  if (invocation_) {
    const bool started = invocation_->delivered;
    const std::string text = "RequestId: " + invocation_->request.request_id + " Error: " + what;
    fail_invocation(started ? agent::ErrorKind::kExit : agent::ErrorKind::kInit, "Runtime.ExitError",
                    error_body("Runtime.ExitError", text));
  } else {
    fail_init("Runtime.ExitError", error_body("Runtime.ExitError", what));
  }
  stop_runtime();
  return ok();
}

void Agent::stop_runtime() {
  runtime_.kill();
  read_output();
  waiting_ = nullptr;
  connections_.clear();
  // A new runtime gets the environment as it is now.
  restored_.reset();
}

}  // namespace caisson::guest
