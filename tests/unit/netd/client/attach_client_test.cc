#include "netd/client/attach_client.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/request_scope.hh"
#include "netd/client/attach_protocol.hh"

namespace caisson::netd {
namespace {

using Json = nlohmann::json;
using Bytes = std::vector<std::uint8_t>;

/// netd's end of the connection: takes one request and answers with fixed bytes and descriptors.
class Peer {
 public:
  Peer() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    peer_ = Fd::own(ends[0]);
    client_ = AttachClient::over(Fd::own(ends[1]));
  }
  ~Peer() { join(); }

  AttachClient& client() { return *client_; }

  void answer(Bytes reply, int descriptors = 0) {
    join();
    thread_ = std::thread([this, reply = std::move(reply), descriptors] { serve(reply, descriptors); });
  }
  void answer(const Json& reply, int descriptors = 0) { answer(Json::to_cbor(reply), descriptors); }
  void close() { peer_.reset(); }

  /// The request that was served last.
  Json request() {
    join();
    return request_;
  }

 private:
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  void serve(const Bytes& reply, int descriptors) {
    Bytes buffer(kMaxMessage);
    const ssize_t received = ::recv(peer_.get(), buffer.data(), buffer.size(), 0);
    if (received <= 0) return;
    buffer.resize(static_cast<std::size_t>(received));
    request_ = Json::from_cbor(buffer, true, false);
    iovec part{.iov_base = const_cast<std::uint8_t*>(reply.data()), .iov_len = reply.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {};
    if (descriptors > 0) {
      const std::size_t bytes = static_cast<std::size_t>(descriptors) * sizeof(int);
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(bytes);
      cmsghdr* head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(bytes);
      for (int i = 0; i < descriptors; ++i) {
        const int raw = peer_.get();
        std::memcpy(CMSG_DATA(head) + static_cast<std::size_t>(i) * sizeof(int), &raw, sizeof raw);
      }
    }
    EXPECT_GE(::sendmsg(peer_.get(), &message, MSG_NOSIGNAL), 0);
  }

  Fd peer_;
  std::unique_ptr<AttachClient> client_;
  std::thread thread_;
  Json request_;
};

TEST(AttachClient, EnsureSendsItsMembersAndReadsTheInterfaces) {
  Peer peer;
  peer.answer(Json{{"ok", true},
                   {"interfaces",
                    {{{"id", "eni-01"}, {"subnet", "subnet-01"}, {"vpc", "vpc-01"}},
                     {{"id", "eni-02"}, {"subnet", "subnet-02"}, {"vpc", "vpc-01"}}}}});
  const auto interfaces = peer.client().ensure("000000000001", "f#1", {"subnet-01", "subnet-02"}, {"sg-01"});
  ASSERT_TRUE(interfaces);
  ASSERT_EQ(interfaces.value().size(), 2U);
  EXPECT_EQ(interfaces.value()[1].id, "eni-02");
  EXPECT_EQ(interfaces.value()[1].vpc, "vpc-01");
  EXPECT_EQ(peer.request(), Json({{"op", "EnsureFunctionInterface"},
                                  {"account", "000000000001"},
                                  {"user", "f#1"},
                                  {"subnets", {"subnet-01", "subnet-02"}},
                                  {"groups", {"sg-01"}}}));
}

TEST(AttachClient, NamesTheRequestThatItWorksFor) {
  Peer peer;
  {
    const RequestScope scope("0c1d-77");
    peer.answer(Json{{"ok", true}});
    ASSERT_TRUE(peer.client().seal(3));
    EXPECT_EQ(peer.request(), Json({{"op", "Seal"}, {"slot", 3}, {"request", "0c1d-77"}}));
  }
  peer.answer(Json{{"ok", true}});
  ASSERT_TRUE(peer.client().seal(3));
  EXPECT_EQ(peer.request(), Json({{"op", "Seal"}, {"slot", 3}}));
}

TEST(AttachClient, LeaseTakesTheTap) {
  Peer peer;
  peer.answer(Json{{"ok", true}, {"slot", 7}}, 1);
  const auto slot = peer.client().lease();
  ASSERT_TRUE(slot);
  EXPECT_EQ(slot.value().slot, 7U);
  EXPECT_TRUE(slot.value().tap);
  EXPECT_EQ(::fcntl(slot.value().tap.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(AttachClient, AttachReadsGenerationAndTime) {
  Peer peer;
  peer.answer(
      Json{{"ok", true}, {"generation", 1ULL << 40}, {"nanoseconds", 4711}, {"mac", "02:00:00:00:00:01"}});
  const auto attached = peer.client().attach(3, "eni-01");
  ASSERT_TRUE(attached);
  EXPECT_EQ(attached.value().generation, 1ULL << 40);
  EXPECT_EQ(attached.value().nanoseconds, 4711U);
  EXPECT_EQ(peer.request().at("eni"), "eni-01");
}

TEST(AttachClient, TheSlotOperationsNameThemselves) {
  Peer peer;
  const std::vector<std::pair<std::string, Status (AttachClient::*)(std::uint32_t)>> operations = {
      {"Seal", &AttachClient::seal},
      {"Unseal", &AttachClient::unseal},
      {"Detach", &AttachClient::detach},
      {"ReturnSlot", &AttachClient::give_back}};
  for (const auto& [name, operation] : operations) {
    peer.answer(Json{{"ok", true}});
    EXPECT_TRUE((peer.client().*operation)(9)) << name;
    EXPECT_EQ(peer.request(), Json({{"op", name}, {"slot", 9}}));
  }
}

TEST(AttachClient, ResumeAndListUsers) {
  Peer peer;
  peer.answer(Json{{"ok", true}}, 1);
  EXPECT_TRUE(peer.client().resume(4, 12));
  EXPECT_EQ(peer.request().at("generation"), 12);
  peer.answer(Json{{"ok", true}, {"users", {{{"account", "000000000001"}, {"user", "f#1"}}}}});
  const auto users = peer.client().list_users();
  ASSERT_TRUE(users);
  ASSERT_EQ(users.value().size(), 1U);
  EXPECT_EQ(users.value()[0].user, "f#1");
}

TEST(AttachClient, AnErrorOfNetdKeepsCodeAndMessageAndTheConnection) {
  Peer peer;
  peer.answer(Json{{"ok", false}, {"code", "InvalidSubnetID.NotFound"}, {"message", "no such subnet"}});
  const auto refused = peer.client().ensure("000000000001", "f#1", {"subnet-01"}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "InvalidSubnetID.NotFound");
  EXPECT_EQ(refused.error().message, "no such subnet");
  EXPECT_EQ(refused.error().errno_value, 0);
  peer.answer(Json{{"ok", true}});
  EXPECT_TRUE(peer.client().seal(1));
}

TEST(AttachClient, MalformedRepliesAreErrorsAndEndTheConnection) {
  // Deeper than the stack of a decoder that recurses.
  const Bytes deep(kMaxMessage, 0x81);
  const std::vector<std::pair<std::string, Bytes>> cases = {
      {"not CBOR", {0xff, 0x00}},
      {"a truncated map", {0xa1, 0x62, 'o'}},
      {"bytes after the map", {0xa1, 0x62, 'o', 'k', 0xf5, 0x00}},
      {"an array", Json::to_cbor(Json::array({true}))},
      {"nested arrays without an end", deep},
      {"a member nested one level too deep",
       Json::to_cbor(Json{{"ok", true},
                          {"generation", 1},
                          {"nanoseconds", 1},
                          {"deep", {{{"list", Json::array({Json::array()})}}}}})},
      {"no ok", Json::to_cbor(Json{{"slot", 1}})},
      {"ok is a number", Json::to_cbor(Json{{"ok", 1}, {"generation", 1}, {"nanoseconds", 1}})},
      {"an error without a message", Json::to_cbor(Json{{"ok", false}, {"code", "X"}})},
      {"an error whose code is a list", Json::to_cbor(Json{{"ok", false}, {"code", {1}}, {"message", "m"}})}};
  for (const auto& [name, reply] : cases) {
    Peer peer;
    peer.answer(reply);
    const auto attached = peer.client().attach(1, "eni-01");
    ASSERT_FALSE(attached) << name;
    EXPECT_EQ(attached.error().code, "ProtocolError") << name;
    EXPECT_EQ(attached.error().errno_value, EPROTO) << name;
    EXPECT_FALSE(peer.client().seal(1)) << name;
  }
}

TEST(AttachClient, MissingMembersAreProtocolErrors) {
  Peer peer;
  peer.answer(Json{{"ok", true}, {"generation", "1"}, {"nanoseconds", 1}});
  EXPECT_EQ(peer.client().attach(1, "eni-01").error().code, "ProtocolError");
  peer.answer(Json{{"ok", true}, {"generation", -1}, {"nanoseconds", 1}});
  EXPECT_EQ(peer.client().attach(1, "eni-01").error().code, "ProtocolError");
  peer.answer(Json{{"ok", true}, {"interfaces", {{{"id", "eni-01"}, {"subnet", 5}, {"vpc", ""}}}}});
  EXPECT_EQ(peer.client().ensure("1", "f", {}, {}).error().code, "ProtocolError");
  peer.answer(Json{{"ok", true}, {"interfaces", Json::array()}});
  EXPECT_EQ(peer.client().ensure("1", "f", {}, {}).error().code, "ProtocolError");
  peer.answer(Json{{"ok", true}, {"users", {"f"}}});
  EXPECT_EQ(peer.client().list_users().error().code, "ProtocolError");
}

TEST(AttachClient, ALeaseNeedsExactlyOneDescriptor) {
  for (const int descriptors : {0, 2}) {
    Peer peer;
    peer.answer(Json{{"ok", true}, {"slot", 7}}, descriptors);
    const auto slot = peer.client().lease();
    ASSERT_FALSE(slot);
    EXPECT_EQ(slot.error().code, "ProtocolError");
  }
}

TEST(AttachClient, ARequestThatIsTooLargeIsNotSent) {
  Peer peer;
  const auto refused = peer.client().release("000000000001", std::string(kMaxRequest, 'x'));
  EXPECT_EQ(refused.error().code, "RequestTooLarge");
  peer.answer(Json{{"ok", true}});
  EXPECT_TRUE(peer.client().seal(1));
}

TEST(AttachClient, ALostConnectionIsASystemError) {
  Peer peer;
  peer.close();
  const auto refused = peer.client().seal(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errno_value, EPIPE);
}

TEST(AttachClient, ConnectNamesThePathThatFailed) {
  const auto absent = AttachClient::connect("/nonexistent/attach.sock");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().errno_value, ENOENT);
  EXPECT_NE(absent.error().message.find("/nonexistent/attach.sock"), std::string::npos);
  EXPECT_EQ(AttachClient::connect(std::string(200, 'x')).error().errno_value, ENAMETOOLONG);
}

TEST(AttachClient, SessionCredentials) {
  Peer peer;
  peer.answer({{"ok", true},
               {"access_key_id", "ASIA"},
               {"secret_access_key", "s"},
               {"session_token", "t"},
               {"expires", 1'800'000'000U}});
  const auto made = peer.client().session_credentials("111122223333", "f", 900);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made.value().access_key_id, "ASIA");
  EXPECT_EQ(made.value().secret_access_key, "s");
  EXPECT_EQ(made.value().session_token, "t");
  EXPECT_EQ(made.value().expires, 1'800'000'000U);
  EXPECT_EQ(
      peer.request(),
      Json({{"op", "SessionCredentials"}, {"account", "111122223333"}, {"function", "f"}, {"seconds", 900}}));
}

}  // namespace
}  // namespace caisson::netd
