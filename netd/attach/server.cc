#include "netd/attach/server.hh"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "base/request_scope.hh"
#include "netd/attach/decode.hh"
#include "netd/attach/requests.hh"

namespace caisson::netd::attach {
namespace {

/// An attachment happens once in an environment's life; what happens
/// with each invocation is written where all is asked for. Of members only names are written: a reply can hold keys.
void log_request(const nlohmann::json& request, const nlohmann::json& reply) {
  const std::string operation = request.at("op");
  const bool frequent = operation != "Attach" && !operation.ends_with("FunctionInterface");
  const auto level = frequent ? spdlog::level::debug : spdlog::level::info;
  if (!spdlog::should_log(level)) return;
  const RequestScope scope(request.value("request", ""));
  std::string names;
  for (const char* name : {"account", "user", "slot", "eni", "generation"}) {
    const auto& from = request.contains(name) ? request : reply;
    if (from.contains(name)) names += std::string(" ") + name + "=" + from.at(name).dump();
  }
  spdlog::log(level, "{}{}: {}", operation, names, reply.value("ok", false) ? "ok" : reply.value("code", ""));
}

}  // namespace

seqpacket::Protocol protocol(core::Daemon& daemon) {
  return {.name = "attach",
          .decode = decode_request,
          .answer =
              [&daemon](seqpacket::Connection connection, const nlohmann::json& request,
                        std::vector<Fd>& descriptors) {
                Fd descriptor;
                auto reply = answer(daemon, connection, request, descriptor);
                if (descriptor) descriptors.push_back(std::move(descriptor));
                return reply;
              },
          .log = log_request,
          .ended = [&daemon](seqpacket::Connection connection) { daemon.slots().abandon(connection); },
          .stop = [&daemon] { daemon.stop_waiting(); }};
}

}  // namespace caisson::netd::attach
