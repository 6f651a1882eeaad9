// A socket of one message a request (SOCK_SEQPACKET, CBOR): connections, whom they are from, and their threads. What is
// said over them is a protocol's: attach.sock and endpoint.sock have one each.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::netd::seqpacket {

/// The number of a connection; never used again.
using Connection = std::uint64_t;

/// All are called on connections' threads.
struct Protocol {
  std::string name;
  /// A request whose form is right; nothing: the connection is to be closed.
  std::function<std::optional<nlohmann::json>(std::string_view bytes)> decode;
  /// The reply; descriptors go with it.
  std::function<nlohmann::json(Connection, const nlohmann::json& request, std::vector<Fd>& descriptors)>
      answer;
  /// After the reply, so that nobody waits for the log.
  std::function<void(const nlohmann::json& request, const nlohmann::json& reply)> log;
  std::function<void(Connection)> ended = [](Connection) {};
  /// The server ends: whatever an answer waits for is over.
  std::function<void()> stop = [] {};
};

class Server {
 public:
  /// A listening socket at `path`, mode 0600 and owned by `uid`: to be made while the process may still give it away.
  static Result<Fd> listen(const std::string& path, unsigned uid);
  /// Serves peers of that uid, and root.
  static std::unique_ptr<Server> start(Protocol protocol, Fd listener, unsigned uid);
  /// Closes all connections and waits for their threads.
  ~Server();

 private:
  Server(Protocol protocol, unsigned uid, Fd listener)
      : protocol_(std::move(protocol)), uid_(uid), listener_(std::move(listener)) {}
  void accept_all();
  void forget_ended();
  void serve(const Fd& connection, Connection number);

  Protocol protocol_;
  unsigned uid_;
  Fd listener_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  struct Served {
    Fd socket;
    std::thread thread;
    std::atomic<bool> ended{false};
  };
  std::list<Served> connections_;  ///< the acceptor's to add to and take from; by mutex_
  std::thread acceptor_;
};

}  // namespace caisson::netd::seqpacket
