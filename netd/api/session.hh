// One connection: requests one after the other, each answered before the next is read.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <functional>
#include <memory>

#include "netd/api/dispatch.hh"
#include "netd/api/server.hh"

namespace caisson::netd::api {

/// What all sessions of a server share.
struct SessionContext {
  core::Backend& backend;
  Limits limits;
  RunBlocking blocking;
};

class Session {
 public:
  virtual ~Session() = default;
  virtual void start() = 0;
  /// Closes when idle, else after the reply.
  virtual void stop() = 0;
};

/// `closed` is called once, when the connection is over. `trust_account` is false for TCP.
std::shared_ptr<Session> make_session(boost::asio::generic::stream_protocol::socket socket,
                                      const SessionContext& context, bool trust_account,
                                      std::function<void()> closed);

}  // namespace caisson::netd::api
