#include "endpoints/link.hh"

#include <spdlog/spdlog.h>

namespace caisson::endpoints {
namespace {

constexpr std::chrono::milliseconds kInterval{100};

Error not_connected() {
  return {.code = "NotConnected", .message = "netd is not there"};
}

}  // namespace

Link::Link(boost::asio::io_context& io, std::string path, Taken taken)
    : timer_(io), path_(std::move(path)), taken_(std::move(taken)) {}

void Link::start() {
  look();
}

void Link::stop() {
  stopped_ = true;
  timer_.cancel();
}

/// A netd that has been started anew listens at sockets of its own: they are wanted at once, not at the next question.
void Link::look() {
  if (client_ && client_->is_over()) {
    spdlog::warn("netd is gone");
    client_.reset();
  }
  if (!client_) connect();
  timer_.expires_after(kInterval);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && !stopped_) look();
  });
}

void Link::connect() {
  auto client = netd::EndpointClient::connect(path_);
  if (!client) return;
  auto sockets = client.value()->sockets();
  if (!sockets) {
    spdlog::warn("netd: {}", sockets.error().text());
    return;
  }
  client_ = std::move(client).value();
  spdlog::info("netd is there, with {} sockets", sockets.value().size());
  taken_(std::move(sockets).value());
}

/// Once more over a new connection where the old one has just ended.
template <class Ask>
auto Link::ask(const Ask& request) -> decltype(request()) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!client_) connect();
    if (!client_) return not_connected();
    auto reply = request();
    if (reply || reply.error().errno_value == 0) return reply;
    client_.reset();
  }
  return not_connected();
}

Result<netd::FabricClient> Link::resolve(Ipv4Address identity, std::uint16_t port) {
  return ask([&] { return client_->resolve(identity, port); });
}

Result<bool> Link::has_address(const std::string& vpc, Ipv4Address address) {
  return ask([&] { return client_->has_address(vpc, address); });
}

}  // namespace caisson::endpoints
