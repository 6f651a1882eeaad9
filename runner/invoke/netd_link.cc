#include "runner/invoke/netd_link.hh"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "runner/pool/environment.hh"

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

Result<NetdLink::Use> NetdLink::use(SlotId id) const {
  const std::lock_guard lock(mutex_);
  if (!client_) return unavailable();
  const auto found = slots_.find(id);
  if (found == slots_.end() || found->second.connection != connection_) {
    return Error{.code = "SlotLost", .message = "the slot was lost with an earlier connection to netd"};
  }
  return Use{client_, found->second};
}

Result<NetdLink::Leased> NetdLink::lease() {
  std::uint64_t connection = 0;
  std::shared_ptr<netd::AttachClient> link;
  {
    const std::lock_guard lock(mutex_);
    if (!client_) return unavailable();
    link = client_;
    connection = connection_;
  }
  auto answer = link->lease();
  if (!answer && answer.error().errno_value == 0) {
    // netd's own word; a slot is all that it could lack.
    return Error{.code = kNoFreeSlot, .message = answer.error().text()};
  }
  TRY(netd::LeasedSlot leased, std::move(answer));
  const std::lock_guard lock(mutex_);
  const SlotId id = next_slot_++;
  slots_[id] = {.number = leased.slot, .generation = 0, .connection = connection, .process = nullptr};
  return Leased{id, std::move(leased.tap)};
}

Status NetdLink::attach(SlotId id, const std::string& interface) {
  TRY(const Use used, use(id));
  TRY(const netd::Attached attached, used.client->attach(used.slot.number, interface));
  const std::lock_guard lock(mutex_);
  if (const auto found = slots_.find(id); found != slots_.end())
    found->second.generation = attached.generation;
  return ok();
}

Status NetdLink::seal(SlotId id) {
  TRY(const Use used, use(id));
  return used.client->seal(used.slot.number);
}

Status NetdLink::unseal(SlotId id) {
  TRY(const Use used, use(id));
  return used.client->unseal(used.slot.number);
}

void NetdLink::give_back(SlotId id) {
  const auto used = use(id);
  {
    const std::lock_guard lock(mutex_);
    slots_.erase(id);
  }
  if (!used) return;
  const std::uint32_t number = used.value().slot.number;
  if (used.value().slot.generation != 0) (void)used.value().client->detach(number);
  if (const Status returned = used.value().client->give_back(number); !returned) {
    spdlog::warn("slot {} could not be returned: {}", number, returned.error().text());
  }
}

void NetdLink::bind_process(SlotId id, Fd process) {
  const std::lock_guard lock(mutex_);
  if (const auto found = slots_.find(id); found != slots_.end()) {
    found->second.process = std::make_shared<Fd>(std::move(process));
  }
}

Status NetdLink::claim_slots(netd::AttachClient& client, std::uint64_t connection) {
  std::map<SlotId, Slot> held;
  {
    const std::lock_guard lock(mutex_);
    held = slots_;
  }
  for (const auto& [id, slot] : held) {
    TRYV(claim(client, id, slot, connection));
  }
  return ok();
}

Status NetdLink::claim(netd::AttachClient& client, SlotId id, const Slot& slot, std::uint64_t connection) {
  // The microVM holds the tap; the descriptor that comes with the answer is closed. What was only leased has
  // nothing to be claimed by.
  auto resumed = slot.generation == 0 ? Result<Fd>(Error{}) : client.resume(slot.number, slot.generation);
  // Only netd's own word ends an environment: a daemon that is dying still accepts connections for an instant.
  if (!resumed && resumed.error().errno_value != 0) return std::move(resumed).error();
  if (!resumed) {
    spdlog::warn("slot {} was lost with the connection to netd", slot.number);
    if (slot.process) (void)::syscall(SYS_pidfd_send_signal, slot.process->get(), SIGKILL, nullptr, 0);
    return ok();
  }
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = slots_.find(id); found != slots_.end()) {
      found->second.connection = connection;
      return ok();
    }
  }
  // Its environment ended meanwhile.
  (void)client.detach(slot.number);
  (void)client.give_back(slot.number);
  return ok();
}

std::shared_ptr<netd::AttachClient> NetdLink::connect() {
  auto made = netd::AttachClient::connect(path_);
  if (!made) return nullptr;
  std::shared_ptr<netd::AttachClient> link = std::move(made).value();
  // No other thread has the new connection yet: `connection_` is published with it.
  if (!claim_slots(*link, connection_ + 1)) return nullptr;
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
    if (link) ++connection_;
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
