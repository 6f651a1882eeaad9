#include "runner/invoke/netd_link.hh"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace caisson::runner {

namespace {

constexpr int kRetryMilliseconds = 200;

Error unavailable() {
  return {.code = "NetdUnavailable", .message = "The network service can't be reached at the moment."};
}

}  // namespace

NetdLink::NetdLink(std::string path, std::function<void()> connected)
    : path_(std::move(path)), connected_(std::move(connected)), wake_(Fd::own(::eventfd(0, EFD_CLOEXEC))) {
  thread_ = std::thread([this] { run(); });
}

NetdLink::~NetdLink() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  thread_.join();
}

Result<std::shared_ptr<netd::AttachClient>> NetdLink::client() const {
  const std::lock_guard lock(mutex_);
  if (!client_) return unavailable();
  return client_;
}

bool NetdLink::is_connected() const {
  const std::lock_guard lock(mutex_);
  return client_ != nullptr;
}

Result<netd::LeasedSlot> NetdLink::lease() {
  TRY(const auto link, client());
  return link->lease();
}

Status NetdLink::attach(std::uint32_t slot, const std::string& interface) {
  TRY(const auto link, client());
  TRY(const netd::Attached attached, link->attach(slot, interface));
  const std::lock_guard lock(mutex_);
  generations_[slot] = attached.generation;
  return ok();
}

void NetdLink::give_back(std::uint32_t slot) {
  std::shared_ptr<netd::AttachClient> link;
  bool attached = false;
  {
    const std::lock_guard lock(mutex_);
    attached = generations_.erase(slot) != 0;
    link = client_;
  }
  if (!link) return;
  if (attached) (void)link->detach(slot);
  if (const Status returned = link->give_back(slot); !returned) {
    spdlog::warn("slot {} could not be returned: {}", slot, returned.error().text());
  }
}

std::shared_ptr<netd::AttachClient> NetdLink::connect() {
  auto made = netd::AttachClient::connect(path_);
  if (!made) return nullptr;
  std::shared_ptr<netd::AttachClient> link = std::move(made).value();
  std::map<std::uint32_t, std::uint64_t> slots;
  {
    const std::lock_guard lock(mutex_);
    slots = generations_;
  }
  for (const auto& [slot, generation] : slots) {
    // The microVM holds the tap; the descriptor that comes with the answer is closed.
    if (const auto resumed = link->resume(slot, generation); !resumed) {
      spdlog::warn("slot {} could not be resumed: {}", slot, resumed.error().text());
    }
  }
  return link;
}

bool NetdLink::wait_before_retry() {
  pollfd stop{.fd = wake_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&stop, 1, kRetryMilliseconds) == 0;
}

void NetdLink::wait_until_lost(const netd::AttachClient& client) {
  pollfd both[] = {{.fd = client.fd(), .events = POLLRDHUP, .revents = 0},
                   {.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  (void)::poll(both, 2, -1);
}

void NetdLink::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const auto link = connect();
    lock.lock();
    client_ = link;
    lock.unlock();
    if (link) {
      spdlog::info("connected to {}", path_);
      connected_();
      wait_until_lost(*link);
    }
    lock.lock();
    client_.reset();
    if (stopping_) return;
    lock.unlock();
    if (link) {
      spdlog::warn("lost the connection to {}", path_);
    } else if (!wait_before_retry()) {
      return;
    }
    lock.lock();
  }
}

}  // namespace caisson::runner
