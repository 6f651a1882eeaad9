// The guest's side of the network, and what a snapshot keeps of it. The taps lie in a namespace of their own.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <thread>

#include "netd/client/attach_protocol.hh"
#include "tests/e2e/vmm/guest.hh"

namespace caisson::vmm::test {
namespace {

constexpr const char* kNamespace = "caisson-e2e-vmm-network";
constexpr std::uint16_t kPort = 8080;

// Connects at import, as functions do with their databases.
constexpr const char* kCode = R"(
import socket

def connect():
    connection = socket.create_connection(("169.254.100.1", 8080), timeout=30)
    connection.settimeout(30)
    return connection

KEPT = connect()

def handler(event, context):
    if event["connection"] == "kept":
        try:
            return KEPT.recv(1).decode()
        except OSError as error:
            return type(error).__name__
    with connect() as fresh:
        fresh.sendall(b"hello")
        return {"port": fresh.getsockname()[1], "address": fresh.getsockname()[0],
                "neighbours": open("/proc/net/arp").read(), "ipv6": open("/proc/net/if_inet6").read(),
                "resolver": open("/etc/resolv.conf").read()}
)";

int run(const std::string& command) {
  return std::system(("PATH=/usr/sbin:/usr/bin:/sbin:/bin; " + command).c_str());
}

/// A namespace with one tap that bears the gateway's addresses, and a listener behind it.
class Network : public testing::Test {
 protected:
  void SetUp() override {
    TearDown();
    ASSERT_EQ(run(std::string("ip netns add ") + kNamespace), 0);
    std::thread([this] {
      const Fd netns =
          Fd::own(::open((std::string("/run/netns/") + kNamespace).c_str(), O_RDONLY | O_CLOEXEC));
      ASSERT_EQ(::setns(netns.get(), CLONE_NEWNET), 0);
      listener_ = Fd::own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in any{.sin_family = AF_INET, .sin_port = htons(kPort), .sin_addr = {}, .sin_zero = {}};
      ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
      ASSERT_EQ(::listen(listener_.get(), 8), 0);
      open_tap();
    }).join();
  }
  void TearDown() override { run(std::string("ip netns del ") + kNamespace + " 2>/dev/null"); }

  void open_tap() {
    tap_ = Fd::own(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    ifreq request{};
    std::strncpy(request.ifr_name, "tap0", IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    ASSERT_EQ(::ioctl(tap_.get(), TUNSETIFF, &request), 0);
    const std::string ip = std::string("ip -n ") + kNamespace + " ";
    ASSERT_EQ(run(ip + "link set tap0 address " + netd::kGatewayMac), 0);
    ASSERT_EQ(run(ip + "address add " + netd::kGuestGateway + "/30 dev tap0"), 0);
    ASSERT_EQ(run(ip + "link set tap0 up"), 0);
  }

  /// The next connection, with the peer's port.
  Fd accepted(std::uint16_t* port = nullptr) {
    pollfd entry{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&entry, 1, 60'000) != 1) return {};
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    Fd connection =
        Fd::own(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC));
    if (port != nullptr) *port = ntohs(peer.sin_port);
    return connection;
  }

  Fd listener_;
  Fd tap_;
};

TEST_F(Network, TheGuestIsConfiguredAndItsConnectionsAreNotInTheSnapshot) {
  const TemporaryFolder folder;
  auto spec = spec_with(make_drive(folder, "code", "app.py", kCode));
  spec.mac = netd::kGuestMac;
  auto guest = initialised(spec, /*share_memory=*/true, tap_);
  const Fd kept = accepted();
  ASSERT_TRUE(kept);
  const auto prepared = guest->agent->prepare_snapshot(soon());
  ASSERT_TRUE(prepared) << prepared.error().text();
  EXPECT_EQ(prepared.value().destroyed_sockets, 1);
  // The server hears of the end: SOCK_DESTROY sends a reset.
  pollfd entry{.fd = kept.get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&entry, 1, 60'000), 1);
  char byte = 0;
  EXPECT_EQ(::recv(kept.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  const auto snapshot = guest->vm->snapshot();
  ASSERT_TRUE(snapshot) << snapshot.error().text();

  auto vm = MicroVm::restore(snapshot.value(), spec, tap_.duplicate().value());
  ASSERT_TRUE(vm) << vm.error().text();
  Guest clone(std::move(vm).value());
  ASSERT_TRUE(clone.vm->resume());
  ASSERT_TRUE(clone.agent->restored({.clock_ns = realtime_ns(), .entropy = host_entropy(), .environment = {}},
                                    soon()));
  EXPECT_EQ(clone.response("r-1", {{"connection", "kept"}}), "ConnectionAbortedError");
  const auto fresh = clone.response("r-2", {{"connection", "fresh"}});
  std::uint16_t port = 0;
  ASSERT_TRUE(accepted(&port));
  EXPECT_EQ(fresh["port"], port);
  EXPECT_GE(port, netd::kGuestFirstPort);
  EXPECT_LE(port, netd::kGuestLastPort);
  EXPECT_EQ(fresh["address"], netd::kGuestAddress);
  const std::string neighbours = fresh["neighbours"];
  EXPECT_NE(neighbours.find(netd::kGatewayMac), std::string::npos) << neighbours;
  EXPECT_NE(neighbours.find("0x6"), std::string::npos) << neighbours;  // complete and permanent
  EXPECT_EQ(fresh["ipv6"].get<std::string>().find("eth0"), std::string::npos);
  EXPECT_EQ(fresh["resolver"], std::string("nameserver ") + netd::kGuestResolver + "\n");
}

}  // namespace
}  // namespace caisson::vmm::test
