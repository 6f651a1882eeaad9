#include "netd/endpoint/requests.hh"

#include <spdlog/spdlog.h>

#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/request_scope.hh"
#include "endpoints/model/documents.hh"
#include "endpoints/model/service.hh"
#include "netd/api/resources.hh"
#include "netd/core/clients.hh"
#include "netd/endpoint/decode.hh"
#include "vpc/decide/decide.hh"

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

Result<Json> revision(core::Daemon& daemon, const Json&, std::vector<Fd>& descriptors) {
  TRY(auto copy, daemon.shared_revision().descriptor().duplicate());
  descriptors.push_back(std::move(copy));
  return Json::object();
}

Result<core::Client> find_client(core::Daemon& daemon, const vpc::State& state, const Json& request) {
  return core::find_client(daemon.fabric().datapath(), state, address_of(request),
                           request.at("port").get<std::uint16_t>());
}

Result<Json> client_json(const vpc::State& state, const core::Client& client) {
  const auto& interface = *client.interface;
  const auto* vpc = vpc::find(state.vpcs, interface.vpc);
  if (vpc == nullptr) return Error{.code = "NotFound", .message = "its VPC is gone"};
  Json reply{{"account", interface.account.text},       {"vpc", interface.vpc.text()},
             {"subnet", interface.subnet.text()},       {"eni", interface.id.text()},
             {"private_address", client.address.value}, {"managed", vpc->managed},
             {"dns_support", vpc->dns_support},         {"cidr_base", vpc->cidr.base().value},
             {"cidr_length", vpc->cidr.length()},       {"users", interface.users}};
  if (client.slot) reply["slot"] = *client.slot;
  return reply;
}

Result<Json> resolve_client(core::Daemon& daemon, const Json& request, std::vector<Fd>&) {
  const auto state = daemon.snapshot();
  TRY(const auto client, find_client(daemon, *state, request));
  return client_json(*state, client);
}

Result<Json> resolve_connection(core::Daemon& daemon, const Json& request, std::vector<Fd>&) {
  const auto state = daemon.snapshot();
  TRY(const auto client, find_client(daemon, *state, request));
  const auto way = vpc::decide_service(*state, client.interface->subnet,
                                       {request.at("local_address").get<std::uint32_t>()});
  if (!way) return Error{.code = "NotFound", .message = "its subnet has no way to that address"};
  TRY(auto reply, client_json(*state, client));
  reply["service"] = way->service;
  reply["endpoint"] = way->endpoint;
  return reply;
}

/// The names that services with endpoints are signed for.
bool has_endpoints(const std::string& signing_name) {
  static const std::set<std::string> kNames = [] {
    std::set<std::string> names;
    for (const auto document : endpoints::documents()) {
      const auto service = endpoints::parse_service(document, api::kRegion);
      if (service) names.insert(service.value().signing_name);
    }
    return names;
  }();
  return kNames.contains(signing_name);
}

Result<Json> key(core::Daemon& daemon, const Json& request, std::vector<Fd>&) {
  const auto id = request.at("access_key_id").get<std::string>();
  const auto token = request.at("token").get<std::string>();
  const sigv4::Scope scope{.date = request.at("date").get<std::string>(),
                           .region = request.at("region").get<std::string>(),
                           .service = request.at("service").get<std::string>()};
  if (!has_endpoints(scope.service)) {
    return Error{.code = "UnauthorizedOperation", .message = scope.service + " has no endpoints"};
  }
  if (token.empty()) {
    TRY(const auto signer, daemon.find_signer(id, scope));
    return Json{{"account", signer.account.text},
                {"function", ""},
                {"key", sigv4::hex(signer.key.bytes())},
                {"expires", std::uint64_t{0}}};
  }
  TRY(const auto signer, daemon.find_session(id, token, scope, std::time(nullptr)));
  return Json{{"account", signer.session.account.text},
              {"function", signer.session.function},
              {"key", sigv4::hex(signer.key.bytes())},
              {"expires", static_cast<std::uint64_t>(signer.session.expires)}};
}

Result<Json> policy(core::Daemon& daemon, const Json& request, std::vector<Fd>&) {
  const auto state = daemon.snapshot();
  const auto id = vpc::VpcEndpointId::parse(request.at("endpoint").get<std::string>());
  const auto* endpoint = id ? vpc::find(state->vpc_endpoints, *id) : nullptr;
  if (endpoint == nullptr) return Error{.code = "NotFound", .message = "there is no such endpoint"};
  return Json{{"document", endpoint->policy}};
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
  static const std::map<std::string, Handler> kAll{{"Sockets", sockets},
                                                   {"Revision", revision},
                                                   {"ResolveClient", resolve_client},
                                                   {"ResolveConnection", resolve_connection},
                                                   {"FindAddress", find_address},
                                                   {"Key", key},
                                                   {"Policy", policy}};
  return kAll;
}

Json answer(core::Daemon& daemon, const Json& request, std::vector<Fd>& descriptors) {
  const RequestScope scope(request.value("request", ""));
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
