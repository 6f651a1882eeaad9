#include "runner/auth/key_service.hh"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace caisson::runner {
namespace {

constexpr int kRetryMilliseconds = 100;
constexpr std::size_t kMostKeys = 4096;

}  // namespace

KeyService::KeyService(std::string path)
    : path_(std::move(path)), cache_(kMostKeys), wake_(Fd::own(::eventfd(0, EFD_CLOEXEC))) {
  thread_ = std::thread([this] { run(); });
}

KeyService::~KeyService() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (watch_) (void)::shutdown(watch_->fd(), SHUT_RDWR);
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  thread_.join();
}

Result<Signer> KeyService::find(const std::string& access_key_id, const sigv4::Scope& scope) {
  std::uint64_t epoch = 0;
  {
    const std::lock_guard lock(mutex_);
    if (auto known = cache_.find(access_key_id, scope)) return *std::move(known);
    epoch = cache_.epoch();
  }
  TRY(const auto reply, ask(access_key_id, scope));
  const auto bytes = sigv4::parse_hex(reply.key);
  if (!bytes) return Error{.code = "ProtocolError", .message = "SigningKey: netd's reply has no key"};
  Signer signer{.account = reply.account, .key = sigv4::SigningKey(*bytes)};
  const std::lock_guard lock(mutex_);
  if (hears_) cache_.put(epoch, access_key_id, scope, signer);
  return signer;
}

Result<std::shared_ptr<netd::AttachClient>> KeyService::client() {
  const std::lock_guard lock(client_mutex_);
  if (!client_) {
    TRY(client_, netd::AttachClient::connect(path_));
  }
  return client_;
}

/// A second try on a new connection: the first may be to a netd that was replaced since.
Result<netd::SigningKeyReply> KeyService::ask(const std::string& access_key_id, const sigv4::Scope& scope) {
  for (int attempt = 0;; ++attempt) {
    TRY(const auto used, client());
    auto reply = used->signing_key(access_key_id, scope.date, scope.region, scope.service);
    if (reply || reply.error().errno_value == 0) return reply;
    const std::lock_guard lock(client_mutex_);
    if (client_ == used) client_.reset();
    if (attempt == 1) return reply;
  }
}

void KeyService::run() {
  while (true) {
    auto made = netd::AttachClient::connect(path_);
    if (made) {
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        watch_ = std::move(made).value();
      }
      follow();
    }
    {
      const std::lock_guard lock(mutex_);
      watch_.reset();
      hears_ = false;
      if (stopping_) return;
    }
    if (!wait_before_retry()) return;
  }
}

/// Until the connection is lost.
void KeyService::follow() {
  std::uint64_t seen = 0;
  bool first = true;
  while (true) {
    // No revision is kNone: the first answer comes at once.
    constexpr std::uint64_t kNone = 0xffffffff;
    const auto revision = watch_->await_revocation(first ? kNone : seen);
    const std::lock_guard lock(mutex_);
    if (!revision || stopping_) return;
    if (first || revision.value() != seen) {
      if (!first) spdlog::info("an access key was deleted: all are asked for again");
      cache_.clear();
    }
    hears_ = true;
    first = false;
    seen = revision.value();
  }
}

bool KeyService::wait_before_retry() {
  pollfd stop{.fd = wake_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&stop, 1, kRetryMilliseconds) == 0;
}

}  // namespace caisson::runner
