// One client's connection: requests one after the other, each judged, then passed on.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <memory>
#include <string>

#include "endpoints/proxy/proxy.hh"

namespace caisson::endpoints {

class Session;

/// What all sessions of a proxy share. It outlives them; only the io_context's thread uses it, but for `judges` and what
/// the sources are.
struct Shared {
  Shared(boost::asio::io_context& context, ProxySettings all)
      : io(context),
        settings(std::move(all)),
        tls(boost::asio::ssl::context::tls_server),
        judges(settings.limits.judges) {}

  boost::asio::io_context& io;
  ProxySettings settings;
  boost::asio::ssl::context tls;
  boost::asio::thread_pool judges;
  std::map<std::string, std::size_t> by_account;
  std::map<Session*, std::weak_ptr<Session>> sessions;
  std::uint64_t over_quota = 0;
  std::size_t buffered = 0;
  bool stopping = false;
};

class Session {
 public:
  virtual ~Session() = default;
  virtual void start() = 0;
  /// Closes when it waits for a request, else after the answer.
  virtual void stop() = 0;
};

std::shared_ptr<Session> make_session(boost::asio::ip::tcp::socket socket, bool tls,
                                      const std::shared_ptr<Shared>& shared);

}  // namespace caisson::endpoints
