#include "base/heartbeat.hh"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/service.hh"

namespace caisson::service {

struct Heartbeat::Impl {
  void beat() {
    notify("WATCHDOG=1");
    timer.expires_after(interval / 2);
    timer.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) beat();
    });
  }

  boost::asio::steady_timer timer;
  std::chrono::microseconds interval;
};

Heartbeat::Heartbeat(boost::asio::io_context& io) {
  const auto interval = watchdog_interval();
  if (!interval) return;
  impl_ = std::make_unique<Impl>(Impl{.timer = boost::asio::steady_timer(io), .interval = *interval});
  impl_->beat();
}

Heartbeat::~Heartbeat() = default;

void Heartbeat::stop() {
  if (impl_) impl_->timer.cancel();
}

}  // namespace caisson::service
