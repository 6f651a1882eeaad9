// A client's connection, with TLS or without: one type, so that what is done with it is compiled once.
#pragma once

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <utility>

namespace caisson::endpoints {

/// Meets Asio's AsyncStream. Not thread-safe.
class ClientStream {
 public:
  using executor_type = boost::beast::tcp_stream::executor_type;

  ClientStream(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context& context, bool tls)
      : tls_(tls), stream_(std::move(socket), context) {}

  executor_type get_executor() { return stream_.get_executor(); }
  [[nodiscard]] bool tls() const { return tls_; }
  boost::beast::tcp_stream& tcp() { return stream_.next_layer(); }

  template <class Token>
  auto async_handshake(Token&& token) {
    return stream_.async_handshake(boost::asio::ssl::stream_base::server, std::forward<Token>(token));
  }
  template <class Token>
  auto async_shutdown(Token&& token) {
    return stream_.async_shutdown(std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    if (tls_) return stream_.async_read_some(buffers, std::forward<Token>(token));
    return tcp().async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    if (tls_) return stream_.async_write_some(buffers, std::forward<Token>(token));
    return tcp().async_write_some(buffers, std::forward<Token>(token));
  }

 private:
  bool tls_;
  boost::asio::ssl::stream<boost::beast::tcp_stream> stream_;
};

}  // namespace caisson::endpoints
