#include "netd/endpoint/requests.hh"

#include <spdlog/spdlog.h>

#include <map>
#include <nlohmann/json.hpp>

#include "netd/core/clients.hh"
#include "netd/endpoint/decode.hh"

namespace caisson::netd::endpoint {
namespace {

using Json = nlohmann::json;
using Handler = Result<Json> (*)(core::Daemon& daemon, const Json& request, std::vector<Fd>& descriptors);

Ipv4Address address_of(const Json& request) {
  return {request.at("address").get<std::uint32_t>()};
}

/// Duplicates: netd keeps its own, or the queues would end with endpointd.
Result<Json> sockets(core::Daemon& daemon, const Json&, std::vector<Fd>& descriptors) {
  Json names = Json::array();
  for (const auto& [name, socket] : daemon.fabric().service_sockets()) {
    TRY(auto copy, socket.duplicate());
    descriptors.push_back(std::move(copy));
    names.push_back(name);
  }
  return Json{{"names", std::move(names)}};
}

Result<Json> resolve_client(core::Daemon& daemon, const Json& request, std::vector<Fd>&) {
  const auto state = daemon.snapshot();
  TRY(const auto client, core::find_client(daemon.fabric().datapath(), *state, address_of(request),
                                           request.at("port").get<std::uint16_t>()));
  const auto& interface = *client.interface;
  const auto* vpc = vpc::find(state->vpcs, interface.vpc);
  if (vpc == nullptr) return Error{.code = "NotFound", .message = "its VPC is gone"};
  Json reply{{"account", interface.account.text},       {"vpc", interface.vpc.text()},
             {"subnet", interface.subnet.text()},       {"eni", interface.id.text()},
             {"private_address", client.address.value}, {"managed", vpc->managed},
             {"dns_support", vpc->dns_support},         {"cidr_base", vpc->cidr.base().value},
             {"cidr_length", vpc->cidr.length()},       {"users", interface.users}};
  if (client.slot) reply["slot"] = *client.slot;
  return reply;
}

Result<Json> find_address(core::Daemon& daemon, const Json& request, std::vector<Fd>&) {
  const auto state = daemon.snapshot();
  const auto id = vpc::VpcId::parse(request.at("vpc").get<std::string>());
  const auto* vpc = id ? vpc::find(state->vpcs, *id) : nullptr;
  const bool found = vpc != nullptr && core::find_address(daemon.fabric().datapath(), *state, *vpc,
                                                          address_of(request)) != nullptr;
  return Json{{"found", found}};
}

const std::map<std::string, Handler>& handlers() {
  static const std::map<std::string, Handler> kAll{
      {"Sockets", sockets}, {"ResolveClient", resolve_client}, {"FindAddress", find_address}};
  return kAll;
}

Json answer(core::Daemon& daemon, const Json& request, std::vector<Fd>& descriptors) {
  auto result = handlers().at(request.at("op").get<std::string>())(daemon, request, descriptors);
  if (!result) {
    descriptors.clear();
    return {{"ok", false}, {"code", result.error().code}, {"message", result.error().message}};
  }
  Json reply = std::move(result).value();
  reply["ok"] = true;
  return reply;
}

}  // namespace

seqpacket::Protocol protocol(core::Daemon& daemon) {
  return {.name = "endpoint",
          .decode = decode_request,
          .answer = [&daemon](seqpacket::Connection, const Json& request,
                              std::vector<Fd>& descriptors) { return answer(daemon, request, descriptors); },
          .log =
              [](const Json& request, const Json& reply) {
                spdlog::debug("{}: {}", request.at("op").get<std::string>(),
                              reply.value("ok", false) ? "ok" : reply.value("code", ""));
              }};
}

}  // namespace caisson::netd::endpoint
