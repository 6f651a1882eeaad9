#include "vmm/console.hh"

#include <sched.h>
#include <sys/epoll.h>

#include <csignal>
#include <map>
#include <thread>

#include "vmm/socket_io.hh"

namespace caisson::vmm {
namespace {

class Drainer {
 public:
  static Drainer& instance() {
    static auto* drainer = new Drainer;
    return *drainer;
  }

  std::shared_ptr<const RingBuffer> add(Fd socket) {
    auto ring = std::make_shared<RingBuffer>(kConsoleBytes);
    const int raw = socket.get();
    {
      const std::lock_guard lock(mutex_);
      consoles_.insert_or_assign(raw, Console{std::move(socket), ring});
    }
    epoll_event event{.events = EPOLLIN, .data = {.fd = raw}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, raw, &event) != 0) remove(raw);
    return ring;
  }

 private:
  struct Console {
    Fd socket;
    std::shared_ptr<RingBuffer> ring;
  };

  Drainer() : epoll_(Fd::own(::epoll_create1(EPOLL_CLOEXEC))) {
    std::thread([this] { loop(); }).detach();
  }

  void remove(int raw) {
    const std::lock_guard lock(mutex_);
    // Closing is not enough: a child that has just been forked holds a copy until it executes its program.
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, raw, nullptr);
    const auto console = consoles_.extract(raw);
    if (console) console.mapped().ring->end();
  }

  void read_once(int raw) {
    std::shared_ptr<RingBuffer> ring;
    {
      const std::lock_guard lock(mutex_);
      ring = consoles_.at(raw).ring;
    }
    std::string bytes;
    const auto more = read_some(raw, bytes);
    ring->put(bytes);
    if (!more) remove(raw);
  }

  [[noreturn]] void loop() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    // A guest decides how much there is to do here: whoever serves an invocation goes first.
    const sched_param none{};
    (void)::sched_setscheduler(0, SCHED_IDLE, &none);
    for (;;) {
      epoll_event events[16];
      const int count = ::epoll_wait(epoll_.get(), events, 16, -1);
      for (int i = 0; i < count; ++i)
        read_once(events[i].data.fd);
    }
  }

  Fd epoll_;
  std::mutex mutex_;
  std::map<int, Console> consoles_;
};

}  // namespace

void RingBuffer::put(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes.size() > capacity_) bytes.remove_prefix(bytes.size() - capacity_);
  const std::size_t grow = std::min(bytes.size(), capacity_ - bytes_.size());
  bytes_ += bytes.substr(0, grow);
  for (const char c : bytes.substr(grow)) {
    bytes_[next_] = c;
    next_ = (next_ + 1) % capacity_;
  }
}

std::string RingBuffer::text() const {
  const std::lock_guard lock(mutex_);
  return bytes_.substr(next_) + bytes_.substr(0, next_);
}

void RingBuffer::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  ended_changed_.notify_all();
}

bool RingBuffer::wait_end(std::chrono::milliseconds time) const {
  std::unique_lock lock(mutex_);
  return ended_changed_.wait_for(lock, time, [this] { return ended_; });
}

std::shared_ptr<const RingBuffer> drain_console(Fd socket) {
  return Drainer::instance().add(std::move(socket));
}

}  // namespace caisson::vmm
