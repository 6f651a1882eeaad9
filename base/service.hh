// What a daemon tells its service manager, and what it gets from it: systemd's protocols, by libsystemd.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hh"

namespace caisson::service {

/// Sends a state (sd_notify(3)): "READY=1", "STATUS=...", lines separated by "\n". Nothing happens, and nothing
/// fails, without a service manager. Thread-safe.
void notify(const std::string& state);

/// How often the manager wants to hear "WATCHDOG=1" at the latest (WatchdogSec=), if it does.
std::optional<std::chrono::microseconds> watchdog_interval();

/// The listening sockets that were passed to this process (sd_listen_fds(3)). Takes the variables out of the
/// environment: the second call has none. To be called before threads are made.
std::vector<Fd> take_listeners();

/// What such a socket is for: its kind says it, whatever the unit named it.
enum class Listener {
  kStreamUnix,     ///< an API's operators' socket
  kStreamTcp,      ///< an API
  kSeqpacketUnix,  ///< attach.sock
  kOther,          ///< none of ours, or no listening socket
};
Listener kind_of(const Fd& listener);

}  // namespace caisson::service
