// KeyService against a netd of the test's own on a real socket.
#include "runner/auth/key_service.hh"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <list>
#include <nlohmann/json.hpp>

#include "netd/client/attach_protocol.hh"

namespace caisson::runner {
namespace {

using Json = nlohmann::json;
const sigv4::Scope kScope{.date = "20260131", .region = "us-east-1", .service = "lambda"};

/// SigningKey and AwaitRevocation, as netd answers them.
class FakeNetd {
 public:
  explicit FakeNetd(std::string path) : path_(std::move(path)) { start(); }
  ~FakeNetd() { stop(); }

  void start() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = Fd::own(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    (void)::unlink(path_.c_str());
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener_.get(), 8), 0);
    stopping_ = false;
    acceptor_ = std::thread([this] { accept_all(); });
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (const auto& connection : connections_)
        (void)::shutdown(connection.get(), SHUT_RDWR);
    }
    changed_.notify_all();
    (void)::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    for (auto& thread : threads_)
      thread.join();
    threads_.clear();
    connections_.clear();
    listener_.reset();
    (void)::unlink(path_.c_str());
  }

  void add(const std::string& key, const std::string& account) {
    const std::lock_guard lock(mutex_);
    keys_[key] = account;
  }
  void remove(const std::string& key) {
    const std::lock_guard lock(mutex_);
    keys_.erase(key);
    ++revision_;
    changed_.notify_all();
  }
  /// How often a key was asked for.
  int asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  /// Until the service waits for the next revocation: what came before, it has heard of.
  void await_listener() {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return waiting_ == revision_; }));
  }

 private:
  void accept_all() {
    while (true) {
      Fd connection = Fd::own(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) return;
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      connections_.push_back(std::move(connection));
      threads_.emplace_back([this, fd = connections_.back().get()] { serve(fd); });
    }
  }

  void serve(int fd) {
    std::vector<std::uint8_t> bytes(netd::kMaxRequest);
    while (true) {
      const ssize_t size = ::recv(fd, bytes.data(), bytes.size(), 0);
      if (size <= 0) return;
      const auto request = Json::from_cbor(bytes.begin(), bytes.begin() + size, true, false);
      const auto reply = Json::to_cbor(answer(request));
      if (::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  Json answer(const Json& request) {
    std::unique_lock lock(mutex_);
    if (request.at("op") == "AwaitRevocation") {
      const auto seen = request.at("seen").get<std::uint64_t>();
      waiting_ = seen;
      changed_.notify_all();
      changed_.wait_for(lock, netd::kRevocationPatience, [&] { return stopping_ || revision_ != seen; });
      waiting_ = std::nullopt;
      return {{"ok", true}, {"revision", revision_}};
    }
    ++asked_;
    const auto found = keys_.find(request.at("access_key_id").get<std::string>());
    if (found == keys_.end()) return {{"ok", false}, {"code", "UnknownKey"}, {"message", "none"}};
    const auto key = sigv4::SigningKey::derive(
        found->first,
        {.date = request.at("date"), .region = request.at("region"), .service = request.at("service")});
    return {{"ok", true}, {"account", found->second}, {"key", sigv4::hex(key.bytes())}};
  }

  const std::string path_;
  Fd listener_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> keys_;
  std::uint64_t revision_ = 7;
  std::optional<std::uint64_t> waiting_;
  int asked_ = 0;
  bool stopping_ = false;
  std::list<Fd> connections_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

class KeyServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/caisson-keys-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    path_ = folder_ + "/s";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static std::string find(KeyService& service, const std::string& key) {
    const auto found = service.find(key, kScope);
    if (found) {
      EXPECT_EQ(found.value().key.bytes(), sigv4::SigningKey::derive(key, kScope).bytes());
    }
    return found ? found.value().account : found.error().code;
  }
  std::string folder_;
  std::string path_;
};

TEST_F(KeyServiceTest, AsksOnceUntilSomeKeyIsDeleted) {
  FakeNetd netd(path_);
  netd.add("A", "1");
  netd.add("B", "2");
  KeyService service(path_);
  netd.await_listener();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(find(service, "A"), "1");
  EXPECT_EQ(netd.asked(), 1);
  EXPECT_EQ(find(service, "B"), "2");
  EXPECT_EQ(netd.asked(), 2);
  netd.remove("A");
  netd.await_listener();
  EXPECT_EQ(find(service, "A"), "UnknownKey");
  EXPECT_EQ(find(service, "B"), "2");
  EXPECT_EQ(netd.asked(), 4);
}

TEST_F(KeyServiceTest, UnknownKeysAreAskedForAgain) {
  FakeNetd netd(path_);
  KeyService service(path_);
  netd.await_listener();
  EXPECT_EQ(find(service, "A"), "UnknownKey");
  netd.add("A", "1");
  EXPECT_EQ(find(service, "A"), "1");
}

TEST_F(KeyServiceTest, KnownKeysVerifyWhileNetdIsAwayAndNotWhatWasDeletedMeanwhile) {
  FakeNetd netd(path_);
  netd.add("A", "1");
  netd.add("B", "2");
  KeyService service(path_);
  netd.await_listener();
  EXPECT_EQ(find(service, "A"), "1");
  netd.stop();
  EXPECT_EQ(find(service, "A"), "1");
  EXPECT_EQ(find(service, "B"), "ENOENT");
  netd.remove("A");
  netd.start();
  netd.await_listener();
  EXPECT_EQ(find(service, "A"), "UnknownKey");
  EXPECT_EQ(find(service, "B"), "2");
}

TEST_F(KeyServiceTest, EndsWithoutNetd) {
  KeyService service(path_);
  EXPECT_EQ(find(service, "A"), "ENOENT");
}

}  // namespace
}  // namespace caisson::runner
