#include "runner/invoke/netd_link.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/hex.hh"

namespace caisson::runner {
namespace {

using Json = nlohmann::json;

enum class OnResume { kAccept, kRefuse, kHangUp };

/// attach.sock as netd serves it, one connection: slots are numbered from 7, everything else succeeds.
class Netd {
 public:
  explicit Netd(const std::string& path, OnResume on_resume = OnResume::kAccept) : on_resume_(on_resume) {
    ::unlink(path.c_str());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    listener_ = Fd::own(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Netd() {
    (void)::shutdown(listener_.get(), SHUT_RDWR);
    {
      const std::lock_guard lock(mutex_);
      if (connection_) (void)::shutdown(connection_.get(), SHUT_RDWR);
    }
    thread_.join();
  }

  /// Returns when the connection has ended.
  void wait_for_end() { served_.wait(false); }

  /// The operations so far: "Seal 7".
  std::vector<std::string> operations() {
    const std::lock_guard lock(mutex_);
    return operations_;
  }

 private:
  void serve() {
    const int accepted = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0) return;
    {
      const std::lock_guard lock(mutex_);
      connection_ = Fd::own(accepted);
    }
    std::vector<std::uint8_t> buffer(65536);
    ssize_t size = 0;
    while ((size = ::recv(accepted, buffer.data(), buffer.size(), 0)) > 0) {
      answer(Json::from_cbor(buffer.begin(), buffer.begin() + size));
    }
    served_ = true;
    served_.notify_all();
  }

  void answer(const Json& request) {
    const std::string op = request.at("op");
    {
      const std::lock_guard lock(mutex_);
      operations_.push_back(op + (request.contains("slot") ? " " + request.at("slot").dump() : ""));
    }
    Json reply = {{"ok", true}, {"generation", 41}, {"nanoseconds", 1}};
    if (op == "LeaseSlot") reply["slot"] = next_++;
    if (op == "Resume" && on_resume_ == OnResume::kHangUp) {
      (void)::shutdown(connection_.get(), SHUT_RDWR);
      return;
    }
    if (op == "Resume" && on_resume_ == OnResume::kRefuse)
      reply = {{"ok", false}, {"code", "NoSlot"}, {"message", "m"}};
    const bool with_fd = (op == "LeaseSlot" || op == "Resume") && reply.at("ok") == true;
    const std::vector<std::uint8_t> bytes = Json::to_cbor(reply);
    iovec part{.iov_base = const_cast<std::uint8_t*>(bytes.data()), .iov_len = bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const Fd null = Fd::own(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (with_fd) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(sizeof(int));
      const int raw = null.get();
      std::memcpy(CMSG_DATA(head), &raw, sizeof raw);
    }
    EXPECT_GT(::sendmsg(connection_.get(), &message, MSG_NOSIGNAL), 0);
  }

  const OnResume on_resume_;
  std::atomic<bool> served_ = false;
  Fd listener_;
  std::mutex mutex_;
  Fd connection_;
  std::vector<std::string> operations_;
  int next_ = 7;
  std::thread thread_;
};

class NetdLinkTest : public testing::Test {
 protected:
  NetdLinkTest()
      : folder_(std::filesystem::temp_directory_path() / ("caisson-link-" + random_hex().substr(0, 8))) {
    std::filesystem::create_directory(folder_);
  }
  ~NetdLinkTest() override { std::filesystem::remove_all(folder_); }

  void connected() {
    const std::lock_guard lock(mutex_);
    ++connections_;
    changed_.notify_all();
  }
  bool wait_for_connections(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return connections_ >= count; });
  }

  std::filesystem::path folder_;
  std::string path_ = folder_ / "attach.sock";
  std::mutex mutex_;
  std::condition_variable changed_;
  int connections_ = 0;
};

TEST_F(NetdLinkTest, WithoutNetdRequestsFailAtOnce) {
  NetdLink link(path_, [this] { connected(); });
  EXPECT_FALSE(link.is_connected());
  EXPECT_EQ(link.lease().error().code, "NetdUnavailable");
  Netd netd(path_);
  ASSERT_TRUE(wait_for_connections(1));
  EXPECT_TRUE(link.is_connected());
  EXPECT_TRUE(link.lease());
}

TEST_F(NetdLinkTest, AnAttachedSlotIsDetachedAndReturned) {
  Netd netd(path_);
  NetdLink link(path_, [this] { connected(); });
  ASSERT_TRUE(wait_for_connections(1));
  const auto slot = link.lease();
  ASSERT_TRUE(slot);
  ASSERT_TRUE(link.attach(slot.value().id, "eni-01"));
  ASSERT_TRUE(link.seal(slot.value().id));
  ASSERT_TRUE(link.unseal(slot.value().id));
  link.give_back(slot.value().id);
  EXPECT_EQ(link.seal(slot.value().id).error().code, "SlotLost");
  EXPECT_EQ(netd.operations(), (std::vector<std::string>{"LeaseSlot", "Attach 7", "Seal 7", "Unseal 7",
                                                         "Detach 7", "ReturnSlot 7"}));
}

TEST_F(NetdLinkTest, AttachedSlotsAreResumedAndOthersAreLost) {
  std::optional<Netd> netd(path_);
  NetdLink link(path_, [this] { connected(); });
  ASSERT_TRUE(wait_for_connections(1));
  const auto attached = link.lease();
  const auto leased = link.lease();
  ASSERT_TRUE(attached && leased);
  ASSERT_TRUE(link.attach(attached.value().id, "eni-01"));
  netd.reset();
  netd.emplace(path_);
  ASSERT_TRUE(wait_for_connections(2));
  EXPECT_EQ(netd->operations(), std::vector<std::string>{"Resume 7"});
  EXPECT_TRUE(link.seal(attached.value().id));
  // Its number may be another's by now.
  EXPECT_EQ(link.attach(leased.value().id, "eni-01").error().code, "SlotLost");
  link.give_back(leased.value().id);
  EXPECT_EQ(netd->operations(), (std::vector<std::string>{"Resume 7", "Seal 7"}));
}

TEST_F(NetdLinkTest, ADyingNetdThatStillAcceptsCostsNoSlot) {
  std::optional<Netd> netd(path_);
  NetdLink link(path_, [this] { connected(); });
  ASSERT_TRUE(wait_for_connections(1));
  const auto slot = link.lease();
  ASSERT_TRUE(slot);
  ASSERT_TRUE(link.attach(slot.value().id, "eni-01"));
  netd.reset();
  netd.emplace(path_, OnResume::kHangUp);
  netd->wait_for_end();
  netd.reset();
  netd.emplace(path_);
  ASSERT_TRUE(wait_for_connections(2));
  EXPECT_TRUE(link.seal(slot.value().id));
  EXPECT_EQ(netd->operations(), (std::vector<std::string>{"Resume 7", "Seal 7"}));
}

TEST_F(NetdLinkTest, ASlotThatIsNotResumedIsLostAndItsProcessDies) {
  std::optional<Netd> netd(path_);
  NetdLink link(path_, [this] { connected(); });
  ASSERT_TRUE(wait_for_connections(1));
  const auto slot = link.lease();
  const pid_t child = ::fork();
  if (child == 0) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::pause();
    ::_exit(0);
  }
  link.bind_process(slot.value().id, Fd::own(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))));
  ASSERT_TRUE(link.attach(slot.value().id, "eni-01"));
  netd.reset();
  netd.emplace(path_, OnResume::kRefuse);
  ASSERT_TRUE(wait_for_connections(2));
  EXPECT_EQ(link.unseal(slot.value().id).error().code, "SlotLost");
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

}  // namespace
}  // namespace caisson::runner
