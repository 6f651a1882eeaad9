// A client of HTTP servers under test, and an attacker's: bytes over sockets, with nothing checked.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "base/fd.hh"

namespace caisson::test {

/// What hangs for longer than a minute ends the test with a failure instead.
inline Fd connected(Fd fd, const sockaddr* address, socklen_t size) {
  const timeval patience{60, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  EXPECT_EQ(::connect(fd.get(), address, size), 0) << std::strerror(errno);
  return fd;
}

inline Fd connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return connected(Fd::own(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
                   reinterpret_cast<sockaddr*>(&address), sizeof address);
}

/// `port` of 127.0.0.1, in host order.
inline Fd connect_tcp(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connected(Fd::own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
                   reinterpret_cast<sockaddr*>(&address), sizeof address);
}

/// All of `text`, or as much as the peer takes before it closes.
inline void send_text(const Fd& fd, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const auto n = ::send(fd.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<std::size_t>(n);
  }
}

/// One reply: to the end of its Content-Length, or of the connection.
inline std::string receive_reply(const Fd& fd) {
  std::string text;
  char c = 0;
  std::size_t body = std::string::npos;
  std::size_t length = 0;
  while (body == std::string::npos || text.size() < body + length) {
    if (::recv(fd.get(), &c, 1, 0) != 1) break;
    text += c;
    if (body != std::string::npos || !text.ends_with("\r\n\r\n")) continue;
    body = text.size();
    const auto header = text.find("Content-Length: ");
    if (header != std::string::npos) length = std::stoul(text.substr(header + 16));
  }
  return text;
}

/// True when the connection has ended, in order or by a reset.
inline bool at_end(const Fd& fd) {
  char c = 0;
  const auto received = ::recv(fd.get(), &c, 1, 0);
  return received == 0 || (received < 0 && errno == ECONNRESET);
}

/// A POST with a Content-Length; `headers` are whole lines.
inline std::string post_text(const std::string& target, const std::string& body,
                             const std::string& headers = "") {
  return "POST " + target + " HTTP/1.1\r\nHost: h\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace caisson::test
