// attach.sock: runnerd's requests (netd/client/attach_protocol.hh). A thread per connection; runnerd has one.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/fd.hh"
#include "base/result.hh"
#include "netd/core/daemon.hh"

namespace caisson::netd::attach {

class Server {
 public:
  /// A listening socket at `path`, mode 0600 and owned by `uid`: to be made while the process may still give it away.
  static Result<Fd> listen(const std::string& path, unsigned uid);
  /// Serves peers of that uid, and root.
  static std::unique_ptr<Server> start(core::Daemon& daemon, Fd listener, unsigned uid);
  /// Closes all connections and waits for their threads.
  ~Server();

 private:
  Server(core::Daemon& daemon, unsigned uid, Fd listener)
      : daemon_(daemon), uid_(uid), listener_(std::move(listener)) {}
  void accept_all();
  void forget_ended();
  void serve(const Fd& connection, core::Slots::Connection number);

  core::Daemon& daemon_;
  unsigned uid_;
  Fd listener_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  struct Connection {
    Fd socket;
    std::thread thread;
    std::atomic<bool> ended{false};
  };
  std::list<Connection> connections_;  ///< the acceptor's to add to and take from; by mutex_
  std::thread acceptor_;
};

}  // namespace caisson::netd::attach
