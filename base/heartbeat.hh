// Tells the service manager that a daemon lives.
#pragma once

#include <memory>

namespace boost::asio {
class io_context;
}

namespace caisson::service {

/// Sends "WATCHDOG=1" twice in watchdog_interval(), if there is one, from the thread that serves: a loop that hangs is not
/// alive. `io` must outlive it.
class Heartbeat {
 public:
  explicit Heartbeat(boost::asio::io_context& io);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  /// No more of them; the loop is not kept from its end. On the loop's thread.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::service
