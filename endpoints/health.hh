// Asks each backend now and then whether it is there, so that requests for one that hangs are refused at once.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "endpoints/backends.hh"

namespace caisson::endpoints {

/// Of all backends, in turns: an answer to `HEAD /`, whatever its status, within `patience`. On io's thread.
class HealthChecks {
 public:
  struct Times {
    std::chrono::milliseconds interval{5'000};
    std::chrono::milliseconds patience{10'000};
  };
  /// `backends` gets what is found, and must outlive the io_context's handlers.
  HealthChecks(boost::asio::io_context& io, Backends& backends, Times times);

  void start();
  void stop();

 private:
  boost::asio::io_context& io_;
  Backends& backends_;
  Times times_;
  boost::asio::steady_timer timer_;
};

}  // namespace caisson::endpoints
