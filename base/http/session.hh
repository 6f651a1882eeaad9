// One connection: requests one after the other, each answered before the next is read.
#pragma once

#include <atomic>
#include <boost/asio/generic/stream_protocol.hpp>
#include <functional>
#include <memory>

#include "base/http/server.hh"

namespace caisson::http {

/// Bytes that are held for requests and replies. Thread-safe.
class Budget {
 public:
  explicit Budget(std::size_t limit) : limit_(limit) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  /// False, and nothing is taken, when they don't fit. Who holds `mine` already may have more, however much, while
  /// nobody else holds anything.
  bool take(std::size_t bytes, std::size_t mine) {
    std::size_t held = held_.load();
    do {
      if (held != mine && held + bytes > limit_) return false;
    } while (!held_.compare_exchange_weak(held, held + bytes));
    return true;
  }
  /// What is there already: a reply.
  void add(std::size_t bytes) { held_ += bytes; }
  void give_back(std::size_t bytes) { held_ -= bytes; }
  [[nodiscard]] std::size_t held() const { return held_; }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> held_ = 0;
};

/// What all sessions of a server share, and outlives them. Only the io_context's thread uses it, but for `budget` and
/// the counters.
struct Shared {
  Handlers handlers;
  Limits limits;
  Budget budget;
  std::atomic<std::size_t> connections = 0;
  std::atomic<std::uint64_t> evicted = 0;
  std::atomic<std::uint64_t> refused = 0;
  std::uint64_t turn = 0;  ///< counts the beginnings of waits, to order them
};

class Session {
 public:
  virtual ~Session() = default;
  virtual void start() = 0;
  /// Closes when it waits for a request, else after the reply.
  virtual void stop() = 0;
  /// When it began to wait for a request whose header is not complete yet (Shared::turn), or nothing.
  [[nodiscard]] virtual std::optional<std::uint64_t> waits_since() const = 0;
};

struct SessionHooks {
  std::function<bool()> crowded;  ///< other connections wait for a place: this one should end soon
  std::function<void()> closed;   ///< called once, posted to the io_context, when the connection is over
};

/// `unix_socket`: the peer's uid is read.
std::shared_ptr<Session> make_session(boost::asio::generic::stream_protocol::socket socket,
                                      std::shared_ptr<Shared> shared, bool unix_socket, SessionHooks hooks);

}  // namespace caisson::http
