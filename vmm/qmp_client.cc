#include "vmm/qmp_client.hh"

#include <poll.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace caisson::vmm {
namespace {

constexpr std::size_t kMaxKeptEvents = 64;

}  // namespace

Error QmpClient::fail(Error error) {
  state_ = State::kFailed;
  failure_ = std::move(error);
  return failure_;
}

void QmpClient::keep(qmp::Event event) {
  if (events_.size() == kMaxKeptEvents) events_.pop_front();
  events_.push_back(std::move(event));
}

Result<qmp::Message> QmpClient::receive(Deadline deadline, std::string_view what) {
  for (;;) {
    TRY(auto line, lines_.next());
    if (line) return qmp::decode(*line);
    TRYV(wait_for(socket_.get(), POLLIN, deadline, what));
    std::string bytes;
    TRYV(read_some(socket_.get(), bytes));
    lines_.feed(bytes);
  }
}

Result<qmp::Message> QmpClient::receive_or_fail(Deadline deadline, std::string_view what) {
  auto message = receive(deadline, what);
  if (!message) return fail(std::move(message).error());
  return message;
}

Status QmpClient::check_time(Deadline deadline, std::string_view what) {
  if (std::chrono::steady_clock::now() < deadline) return ok();
  return fail(timed_out(what));
}

Status QmpClient::send(std::string_view line, Deadline deadline) {
  for (;;) {
    TRYV(write_some(socket_.get(), line));
    if (line.empty()) return ok();
    TRYV(wait_for(socket_.get(), POLLOUT, deadline, "room for a QMP command"));
  }
}

Status QmpClient::negotiate(Deadline deadline) {
  if (state_ == State::kFailed) return failure_;
  TRY(const auto greeting, receive_or_fail(deadline, "QMP greeting"));
  if (!std::holds_alternative<qmp::Greeting>(greeting)) {
    return fail({.code = "MalformedMessage", .message = "QMP: the first line is no greeting"});
  }
  state_ = State::kNegotiation;
  TRYV(execute("qmp_capabilities", deadline));
  state_ = State::kRunning;
  return ok();
}

Result<std::string> QmpClient::execute(std::string_view command, Deadline deadline) {
  return execute(command, nlohmann::json::object(), deadline);
}

Result<std::string> QmpClient::execute(std::string_view command, const nlohmann::json& arguments,
                                       Deadline deadline) {
  if (state_ == State::kFailed) return failure_;
  const std::int64_t id = ++last_id_;
  if (auto sent = send(qmp::encode(command, arguments, id), deadline); !sent)
    return fail(std::move(sent).error());
  return await_return(id, command, deadline);
}

Status QmpClient::pass_fd(std::string_view name, const Fd& fd, Deadline deadline) {
  if (state_ == State::kFailed) return failure_;
  const std::int64_t id = ++last_id_;
  const std::string line = qmp::encode("getfd", {{"fdname", name}}, id);
  // QEMU takes the descriptor that came with the command's bytes.
  if (auto sent = send_with_fd(socket_.get(), line, fd.get()); !sent) return fail(std::move(sent).error());
  TRYV(await_return(id, "getfd", deadline));
  return ok();
}

Result<std::string> QmpClient::await_return(std::int64_t id, std::string_view command, Deadline deadline) {
  const std::string what = "answer to QMP " + std::string(command);
  for (;;) {
    TRYV(check_time(deadline, what));
    TRY(auto message, receive_or_fail(deadline, what));
    if (auto* event = std::get_if<qmp::Event>(&message)) {
      keep(std::move(*event));
    } else if (auto* value = std::get_if<qmp::Return>(&message); value != nullptr && value->id == id) {
      return std::move(value->value);
    } else if (auto* failure = std::get_if<qmp::Failure>(&message); failure != nullptr && failure->id == id) {
      return Error{.code = "QmpError", .message = std::string(command) + ": " + failure->description};
    } else {
      return fail({.code = "MalformedMessage", .message = "QMP: an answer that nobody asked for"});
    }
  }
}

Result<std::string> QmpClient::wait_event(std::string_view name, Deadline deadline) {
  if (state_ == State::kFailed) return failure_;
  const std::string what = "QMP event " + std::string(name);
  for (;;) {
    while (!events_.empty()) {
      qmp::Event event = std::move(events_.front());
      events_.pop_front();
      if (event.name == name) return std::move(event.data);
    }
    TRYV(check_time(deadline, what));
    TRY(auto message, receive_or_fail(deadline, what));
    auto* event = std::get_if<qmp::Event>(&message);
    if (event == nullptr)
      return fail({.code = "MalformedMessage", .message = "QMP: an answer that nobody asked for"});
    keep(std::move(*event));
  }
}

}  // namespace caisson::vmm
