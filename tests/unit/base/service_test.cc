#include "base/service.hh"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace caisson::service {
namespace {

/// A listening socket of this kind; the unix ones in the abstract namespace, by the kernel's choice of a name.
Fd listening(int family, int type) {
  Fd socket = Fd::own(::socket(family, type | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  address.ss_family = static_cast<sa_family_t>(family);
  const socklen_t size = family == AF_UNIX ? sizeof(sa_family_t) : sizeof(sockaddr_in);
  if (family == AF_INET) reinterpret_cast<sockaddr_in*>(&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(socket.get(), 1), 0);
  return socket;
}

TEST(Service, TellsListenersApartByTheirKind) {
  EXPECT_EQ(kind_of(listening(AF_UNIX, SOCK_STREAM)), Listener::kStreamUnix);
  EXPECT_EQ(kind_of(listening(AF_UNIX, SOCK_SEQPACKET)), Listener::kSeqpacketUnix);
  EXPECT_EQ(kind_of(listening(AF_INET, SOCK_STREAM)), Listener::kStreamTcp);
  EXPECT_EQ(kind_of(Fd::own(::socket(AF_UNIX, SOCK_STREAM, 0))), Listener::kOther) << "does not listen";
  EXPECT_EQ(kind_of(Fd::own(::socket(AF_INET, SOCK_DGRAM, 0))), Listener::kOther);
  EXPECT_EQ(kind_of(Fd::own(::dup(0))), Listener::kOther);
}

TEST(Service, NotifiesTheSocketOfTheManager) {
  const Fd manager = Fd::own(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_EQ(::bind(manager.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t)), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(manager.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string name(&address.sun_path[1], size - sizeof(sa_family_t) - 1);
  ASSERT_EQ(::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1), 0);
  notify("READY=1\nSTATUS=serving");
  ::unsetenv("NOTIFY_SOCKET");
  std::array<char, 100> buffer{};
  const auto length = ::recv(manager.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  ASSERT_GT(length, 0);
  EXPECT_EQ(std::string(buffer.data(), static_cast<std::size_t>(length)), "READY=1\nSTATUS=serving");
}

TEST(Service, WithoutAManagerThereIsNothing) {
  ::unsetenv("NOTIFY_SOCKET");
  notify("READY=1");
  EXPECT_FALSE(watchdog_interval());
  EXPECT_TRUE(take_listeners().empty());
}

TEST(Service, TheWatchdogsIntervalIsForThisProcessOnly) {
  ::setenv("WATCHDOG_USEC", "60000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_interval(), std::chrono::seconds(60));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(watchdog_interval());
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
}

}  // namespace
}  // namespace caisson::service
