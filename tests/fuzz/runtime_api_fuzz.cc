// HTTP as the guest's agent reads it from a runtime: the first byte gives the size of chunks.
#include <sys/socket.h>

#include <algorithm>

#include "tests/fuzz/fuzz.hh"
#include "vmm/agent_protocol.hh"
#include "vmm/guest/agent/http.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace caisson;
  if (size == 0) return 0;
  int raw[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, raw) != 0) return 0;
  const Fd client = Fd::own(raw[0]);
  guest::HttpConnection connection(Fd::own(raw[1]));
  auto rest = fuzz::view(data + 1, size - 1);
  char answer[4096];
  while (!rest.empty() && !connection.finished()) {
    const std::size_t chunk = std::min<std::size_t>(data[0] + 1U, rest.size());
    if (::send(client.get(), rest.data(), chunk, MSG_NOSIGNAL) != static_cast<ssize_t>(chunk)) return 0;
    rest.remove_prefix(chunk);
    while (const auto request = connection.read()) {
      REQUIRE(request->body.size() <= vmm::agent::kMaxPayloadBytes);
      connection.respond({.status = 200, .headers = "", .body = guest::json_string(request->error_type)});
      while (::recv(client.get(), answer, sizeof answer, 0) > 0) {
      }
    }
  }
  return 0;
}
