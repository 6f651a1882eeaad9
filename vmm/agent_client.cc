#include "vmm/agent_client.hh"

#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "vmm/socket_io.hh"

namespace caisson::vmm {
namespace {

/// A guest that answers more than it was asked would fill our memory.
constexpr std::size_t kMaxQueuedMessages = 4;

template <class T>
const std::string* request_id_of(const T& message) {
  if constexpr (std::is_same_v<T, agent::Response> || std::is_same_v<T, agent::InvokeError>) {
    return &message.request_id;
  } else {
    return nullptr;
  }
}

/// How much of a guest's log may be taken now: a bucket that leaks. A guest that logs without end would keep one of our
/// threads, and a core, busy.
class LogPace {
 public:
  void took(std::size_t bytes) {
    settle();
    level_ += static_cast<double>(bytes);
  }
  /// From when on more may be taken.
  [[nodiscard]] AgentClient::Deadline next() {
    settle();
    const double excess = level_ - static_cast<double>(kLogBurstBytes);
    if (excess <= 0) return since_;
    const std::chrono::duration<double> wait(excess / static_cast<double>(kLogBytesPerSecond));
    return since_ + std::chrono::ceil<std::chrono::milliseconds>(wait);
  }

 private:
  void settle() {
    const auto now = AgentClient::Clock::now();
    const double leaked =
        std::chrono::duration<double>(now - since_).count() * static_cast<double>(kLogBytesPerSecond);
    level_ = std::max(0.0, level_ - leaked);
    since_ = now;
  }

  double level_ = 0;
  AgentClient::Deadline since_ = AgentClient::Clock::now();
};

/// Something to be done once if the wait lasts.
struct Alarm {
  AgentClient::Deadline at = AgentClient::Deadline::max();
  const std::function<void()>* call = nullptr;

  void ring_if_due() {
    if (call == nullptr || AgentClient::Clock::now() < at) return;
    (*std::exchange(call, nullptr))();
    at = AgentClient::Deadline::max();
  }
};

Error unexpected(const agent::GuestMessage& message, std::string_view wanted) {
  return {.code = "UnexpectedMessage",
          .message = "the guest said '" + std::string(agent::type_of(message)) + "' where '" +
                     std::string(wanted) + "' was expected"};
}

}  // namespace

struct AgentClient::Impl {
  Impl(int agent_fd, LogSink sink) : fd(agent_fd), log(std::move(sink)) {}

  int fd;
  LogSink log;
  agent::FrameReader frames;
  std::deque<agent::GuestMessage> queue;
  std::set<std::string> given_up;  ///< requests whose answer did not come in time
  LogPace pace;

  /// Reads what is there. Logs go to the sink, the rest into the queue.
  Status take_arrived();
  Status send(const agent::HostMessage& message, Deadline deadline);
  Result<agent::GuestMessage> receive(Deadline deadline, std::string_view wanted, Alarm alarm = {});
  template <class Answer>
  Result<Answer> call(const agent::HostMessage& message, Deadline deadline, std::string_view wanted);
  template <class Answer>
  Result<Answer> await(Deadline deadline, std::string_view wanted);
  bool is_late_answer(const agent::GuestMessage& message);
};

bool AgentClient::Impl::is_late_answer(const agent::GuestMessage& message) {
  const std::string* id = std::visit([](const auto& m) { return request_id_of(m); }, message);
  return id != nullptr && given_up.erase(*id) != 0;
}

Status AgentClient::Impl::take_arrived() {
  std::string bytes;
  TRYV(read_some(fd, bytes));
  frames.feed(bytes);
  for (;;) {
    TRY(const auto body, frames.next());
    if (!body) return ok();
    TRY(auto message, agent::decode_guest_message(*body));
    if (const auto* text = std::get_if<agent::Log>(&message)) {
      log(text->bytes, text->dropped);
      pace.took(text->bytes.size());
    } else if (!is_late_answer(message)) {
      if (queue.size() == kMaxQueuedMessages) return unexpected(message, "nothing");
      queue.push_back(std::move(message));
    }
  }
}

Status AgentClient::Impl::send(const agent::HostMessage& message, Deadline deadline) {
  const std::string frame = agent::encode(message);
  std::string_view rest = frame;
  for (;;) {
    TRYV(write_some(fd, rest));
    if (rest.empty()) return ok();
    // Reads, too: a guest that waits for us to take its log doesn't read.
    TRY(const short ready, wait_for(fd, POLLIN | POLLOUT, deadline, "room for a message to the guest"));
    if ((ready & POLLIN) != 0) {
      TRYV(take_arrived());
    }
    if (Clock::now() >= deadline) return timed_out("room for a message to the guest");
  }
}

Result<agent::GuestMessage> AgentClient::Impl::receive(Deadline deadline, std::string_view wanted,
                                                       Alarm alarm) {
  while (queue.empty()) {
    alarm.ring_if_due();
    const Deadline until = std::min(deadline, alarm.at);
    if (const Deadline more = pace.next(); more > Clock::now()) {
      std::this_thread::sleep_until(std::min(more, until));
    } else if (auto ready = wait_for(fd, POLLIN, until, wanted); ready) {
      TRYV(take_arrived());
    } else if (Clock::now() < until || until == deadline) {
      return std::move(ready).error();
    }
    // A guest that logs without end must not hold us beyond the deadline.
    if (queue.empty() && Clock::now() >= deadline) return timed_out(wanted);
  }
  agent::GuestMessage message = std::move(queue.front());
  queue.pop_front();
  return message;
}

template <class Answer>
Result<Answer> AgentClient::Impl::await(Deadline deadline, std::string_view wanted) {
  TRY(auto message, receive(deadline, wanted));
  auto* answer = std::get_if<Answer>(&message);
  if (answer == nullptr) return unexpected(message, wanted);
  return std::move(*answer);
}

template <class Answer>
Result<Answer> AgentClient::Impl::call(const agent::HostMessage& message, Deadline deadline,
                                       std::string_view wanted) {
  TRYV(send(message, deadline));
  return await<Answer>(deadline, wanted);
}

AgentClient::AgentClient(int agent_fd, LogSink log)
    : impl_(std::make_unique<Impl>(agent_fd, std::move(log))) {}
AgentClient::~AgentClient() = default;

Status AgentClient::wait_ready(Deadline deadline) {
  TRYV(impl_->await<agent::Ready>(deadline, "ready"));
  return ok();
}

Result<AgentClient::InitResult> AgentClient::init(const agent::Init& request, Deadline deadline) {
  TRYV(impl_->send(request, deadline));
  TRY(auto message, impl_->receive(deadline, "initialized"));
  if (auto* done = std::get_if<agent::Initialized>(&message)) return InitResult(std::move(*done));
  if (auto* failed = std::get_if<agent::InitError>(&message)) return InitResult(std::move(*failed));
  return unexpected(message, "initialized");
}

Result<agent::Prepared> AgentClient::prepare_snapshot(Deadline deadline) {
  return impl_->call<agent::Prepared>(agent::PrepareSnapshot{}, deadline, "prepared");
}

Status AgentClient::restored(const agent::Restored& request, Deadline deadline) {
  TRYV(impl_->call<agent::RestoredAcknowledged>(request, deadline, "restored"));
  return ok();
}

Status AgentClient::thawed(const agent::Thawed& request, Deadline deadline) {
  TRYV(impl_->call<agent::ThawedAcknowledged>(request, deadline, "thawed"));
  return ok();
}

Result<AgentClient::InvokeResult> AgentClient::invoke(const agent::Invoke& request, Deadline deadline,
                                                      Deadline alarm_at, const std::function<void()>& alarm) {
  if (auto sent = impl_->send(request, deadline); !sent) {
    Error error = std::move(sent).error();
    // Half an event may be on its way: nothing can follow it, and the agent makes nothing of it.
    error.code = error.code == "Timeout" ? "Disconnected" : "Undelivered";
    return error;
  }
  auto received =
      impl_->receive(deadline, "response", alarm ? Alarm{.at = alarm_at, .call = &alarm} : Alarm{});
  if (!received) {
    if (received.error().code == "Timeout") impl_->given_up.insert(request.request_id);
    return std::move(received).error();
  }
  agent::GuestMessage message = std::move(received).value();
  const std::string* id = std::visit([](const auto& m) { return request_id_of(m); }, message);
  if (id == nullptr || *id != request.request_id) return unexpected(message, "response");
  if (auto* response = std::get_if<agent::Response>(&message)) return InvokeResult(std::move(*response));
  return InvokeResult(std::get<agent::InvokeError>(std::move(message)));
}

Status AgentClient::reset(Deadline deadline) {
  TRYV(impl_->call<agent::ResetDone>(agent::Reset{}, deadline, "reset_done"));
  impl_->given_up.clear();
  return ok();
}

Status AgentClient::drain_logs() {
  TRYV(impl_->take_arrived());
  if (!impl_->queue.empty()) return unexpected(impl_->queue.front(), "nothing");
  return ok();
}

std::int64_t realtime_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string host_entropy(std::size_t bytes) {
  std::string out(bytes, '\0');
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t count = ::getrandom(out.data() + done, bytes - done, 0);
    // Only EINTR is possible once the kernel's generator is seeded; running without randomness is not.
    if (count < 0 && errno != EINTR) std::abort();
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  return out;
}

}  // namespace caisson::vmm
