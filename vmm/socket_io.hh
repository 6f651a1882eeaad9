// Waiting on sockets with a deadline.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::vmm {

using Deadline = std::chrono::steady_clock::time_point;

struct SocketPair {
  Fd ours;    ///< non-blocking
  Fd theirs;  ///< blocking
};
/// AF_UNIX, SOCK_STREAM, close-on-exec.
Result<SocketPair> make_socket_pair();

/// Waits until one of `events` (or POLLHUP, POLLERR) is there and returns what poll() said. Errors:
/// "Timeout".
Result<short> wait_for(int fd, short events, Deadline deadline, std::string_view what);

/// Appends what can be read without waiting, at most 64 KiB; true: there may be more. Errors: "Disconnected"
/// at the end of the stream.
Result<bool> read_some(int fd, std::string& into);

/// Writes what can be written without waiting and removes it from `bytes`. Errors: "Disconnected".
Status write_some(int fd, std::string_view& bytes);

/// Writes all of `bytes`, which must fit into the socket's buffer, with a descriptor attached (SCM_RIGHTS).
/// Errors: "Disconnected"; EAGAIN when there is no room.
Status send_with_fd(int socket, std::string_view bytes, int fd);

Error timed_out(std::string_view what);

}  // namespace caisson::vmm
