// HTTP as the daemons read it, on a connection of its own: the first byte gives the size of what comes at a time.
// Whatever comes, the connection ends when its peer is gone.
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>

#include "base/fd.hh"
#include "base/http/session.hh"
#include "tests/fuzz/fuzz.hh"

namespace {

using namespace caisson;

constexpr std::size_t kMaxBody = 512;

http::Response refuse(http::Refusal why, const http::Request&) {
  return {.status = 400, .body = std::to_string(static_cast<int>(why))};
}

void answer(http::Request request, const http::ReplyHandler& done) {
  REQUIRE(request.body.size() <= kMaxBody);
  done({.status = 200,
        .headers = {{"X-Method", request.method.size() < 10 ? "known" : "long"}},
        .body = request.body});
}

void take_answers(const Fd& client) {
  char bytes[4096];
  while (::recv(client.get(), bytes, sizeof bytes, 0) > 0) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  int raw[2];
  if (size == 0 || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, raw) != 0) return 0;
  Fd client = Fd::own(raw[0]);
  static boost::asio::io_context io(1);
  const boost::asio::generic::stream_protocol protocol(AF_UNIX, 0);
  const http::Limits limits{.buffered_bytes = 4096, .header_bytes = 1024};
  const std::shared_ptr<http::Shared> shared(
      new http::Shared{.handlers = {.handle = answer,
                                    .body_limit = [](const http::Request&) { return kMaxBody; },
                                    .refuse = refuse},
                       .limits = limits,
                       .budget = http::Budget(limits.buffered_bytes)});
  bool closed = false;
  http::make_session({io, protocol, raw[1]}, shared, false,
                     {.crowded = [] { return false; }, .closed = [&closed] { closed = true; }})
      ->start();
  auto rest = fuzz::view(data + 1, size - 1);
  while (!rest.empty() && !closed) {
    const std::size_t piece = std::min<std::size_t>(data[0] + 1U, rest.size());
    if (::send(client.get(), rest.data(), piece, MSG_NOSIGNAL) < 0) break;
    rest.remove_prefix(piece);
    io.restart();
    io.poll();
    take_answers(client);
  }
  client = Fd();
  io.restart();
  io.poll();
  REQUIRE(closed);
  REQUIRE(shared->budget.held() == 0);
  return 0;
}
