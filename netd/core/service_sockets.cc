#include "netd/core/service_sockets.hh"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "netd/bpf/caisson_abi.h"

namespace caisson::netd::core {
namespace {

constexpr std::array<unsigned char, 4> kResolver = CAISSON_RESOLVER;
constexpr std::array<unsigned char, 4> kResolverOfVpc = CAISSON_RESOLVER_OF_VPC;
constexpr std::array<unsigned char, 4> kAny{};
/// Questions that wait for endpointd.
constexpr int kQueuedBytes = 4 * 1024 * 1024;

struct Wanted {
  const char* name;
  int type;
  std::array<unsigned char, 4> address;
  std::uint16_t port;
};
constexpr std::array<Wanted, 6> kWanted{{{"dns-udp", SOCK_DGRAM, kResolver, CAISSON_DNS_PORT},
                                         {"dns-udp-vpc", SOCK_DGRAM, kResolverOfVpc, CAISSON_DNS_PORT},
                                         {"dns-tcp", SOCK_STREAM, kResolver, CAISSON_DNS_PORT},
                                         {"dns-tcp-vpc", SOCK_STREAM, kResolverOfVpc, CAISSON_DNS_PORT},
                                         {"https", SOCK_STREAM, kAny, 443},
                                         {"http", SOCK_STREAM, kAny, 80}}};

Result<Fd> open_one(const Wanted& wanted) {
  Fd socket = Fd::own(::socket(AF_INET, wanted.type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return Error::system(errno, "open the socket", wanted.name);
  const int yes = 1;
  // endpointd may hold those of a netd that was killed.
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0) {
    return Error::system(errno, "share the address of", wanted.name);
  }
  if (wanted.type == SOCK_DGRAM &&
      ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kQueuedBytes, sizeof kQueuedBytes) != 0) {
    return Error::system(errno, "set the buffer of", wanted.name);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(wanted.port);
  std::memcpy(&address.sin_addr, wanted.address.data(), wanted.address.size());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Error::system(errno, "bind", wanted.name);
  if (wanted.type == SOCK_STREAM && ::listen(socket.get(), SOMAXCONN) != 0)
    return Error::system(errno, "listen at", wanted.name);
  return socket;
}

}  // namespace

Result<std::vector<ServiceSocket>> open_service_sockets() {
  std::vector<ServiceSocket> sockets;
  for (const auto& wanted : kWanted) {
    TRY(auto socket, open_one(wanted));
    sockets.push_back({.name = wanted.name, .socket = std::move(socket)});
  }
  return sockets;
}

}  // namespace caisson::netd::core
