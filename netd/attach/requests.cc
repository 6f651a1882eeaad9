#include "netd/attach/requests.hh"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <future>
#include <map>
#include <nlohmann/json.hpp>

#include "base/request_scope.hh"
#include "netd/client/attach_protocol.hh"

namespace caisson::netd::attach {
namespace {

using Json = nlohmann::json;
using Handler = Result<Json> (*)(core::Daemon& daemon, core::Slots::Connection connection,
                                 const Json& request, Fd& descriptor);

std::uint32_t slot_of(const Json& request) {
  return request.at("slot").get<std::uint32_t>();
}

Result<Json> change(core::Daemon& daemon, const Json& request, const std::string& operation,
                    Json parameters) {
  auto done = std::make_shared<std::promise<Result<Json>>>();
  auto reply = done->get_future();
  daemon.submit({.account = {request.at("account").get<std::string>()},
                 .operation = operation,
                 .parameters = std::move(parameters),
                 .request_id = current_request_id()},
                [done](Result<Json> result) { done->set_value(std::move(result)); });
  return reply.get();
}

Result<Json> ensure(core::Daemon& daemon, core::Slots::Connection, const Json& request, Fd&) {
  Json parameters{{"User", request.at("user")}};
  if (!request.at("subnets").empty()) parameters["SubnetIds"] = request.at("subnets");
  if (!request.at("groups").empty()) parameters["SecurityGroupIds"] = request.at("groups");
  TRY(const Json made, change(daemon, request, "EnsureFunctionInterface", std::move(parameters)));
  const bool managed = request.at("subnets").empty();
  Json interfaces = Json::array();
  for (const auto& interface : made.at("NetworkInterfaces")) {
    interfaces.push_back({{"id", interface.at("NetworkInterfaceId")},
                          {"subnet", interface.at("SubnetId")},
                          {"vpc", managed ? Json("") : interface.at("VpcId")}});
  }
  return Json{{"interfaces", std::move(interfaces)}};
}

Result<Json> release(core::Daemon& daemon, core::Slots::Connection, const Json& request, Fd&) {
  TRYV(change(daemon, request, "ReleaseFunctionInterface", {{"User", request.at("user")}}));
  return Json::object();
}

Result<Json> list(core::Daemon& daemon, core::Slots::Connection, const Json&, Fd&) {
  std::set<std::pair<std::string, std::string>> known;
  for (const auto& [id, interface] : daemon.snapshot()->network_interfaces) {
    for (const auto& user : interface->users) {
      known.emplace(interface->account.text, user);
    }
  }
  Json users = Json::array();
  for (const auto& [account, user] : known) {
    users.push_back({{"account", account}, {"user", user}});
  }
  return Json{{"users", std::move(users)}};
}

Result<Json> lease(core::Daemon& daemon, core::Slots::Connection connection, const Json&, Fd& descriptor) {
  TRY(auto leased, daemon.slots().lease(connection));
  descriptor = std::move(leased.tap);
  return Json{{"slot", leased.slot}};
}

Result<Json> attach(core::Daemon& daemon, core::Slots::Connection connection, const Json& request, Fd&) {
  const auto state = daemon.snapshot();
  const auto id = vpc::NetworkInterfaceId::parse(request.at("eni").get<std::string>());
  const auto* interface = id ? vpc::find(state->network_interfaces, *id) : nullptr;
  if (interface == nullptr || !interface->requester_managed()) {
    return Error{.code = "InvalidNetworkInterfaceID.NotFound",
                 .message = "There is no function interface " + request.at("eni").get<std::string>()};
  }
  const auto* vpc = vpc::find(state->vpcs, interface->vpc);
  core::Slots::Interface where{.id = interface->id.text(), .addresses = {}};
  for (const auto& address : interface->addresses()) {
    where.addresses.push_back({vpc->number, address});
  }
  auto result = daemon.slots().attach(connection, slot_of(request), where);
  daemon.grow_if_low(where.id);
  TRY(const auto attached, std::move(result));
  return Json{{"generation", std::uint64_t{attached.epoch}},
              {"nanoseconds", static_cast<std::uint64_t>(attached.took.count())},
              {"mac", kGuestMac}};
}

Result<Json> signing_key(core::Daemon& daemon, core::Slots::Connection, const Json& request, Fd&) {
  // With it one could sign requests to netd in any account's name.
  if (request.at("service") == "ec2") {
    return Error{.code = "UnauthorizedOperation",
                 .message = "Keys of the service ec2 are netd's own: it verifies with them itself."};
  }
  TRY(const auto signer, daemon.find_signer(request.at("access_key_id").get<std::string>(),
                                            {.date = request.at("date").get<std::string>(),
                                             .region = request.at("region").get<std::string>(),
                                             .service = request.at("service").get<std::string>()}));
  return Json{{"account", signer.account.text}, {"key", sigv4::hex(signer.key.bytes())}};
}

/// Letters, digits, "-" and "_", as Lambda names functions.
bool is_function_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
}

Result<Json> session_credentials(core::Daemon& daemon, core::Slots::Connection, const Json& request, Fd&) {
  const auto function = request.at("function").get<std::string>();
  if (!is_function_name(function))
    return Error{.code = "InvalidParameterValue", .message = "function is not a function's name"};
  TRY(const auto made, daemon.mint_session({request.at("account").get<std::string>()}, function,
                                           std::time(nullptr), request.at("seconds").get<std::uint32_t>()));
  return Json{{"access_key_id", made.session.access_key_id},
              {"secret_access_key", made.secret},
              {"session_token", made.token},
              {"expires", static_cast<std::uint64_t>(made.session.expires)}};
}

Result<Json> await_revocation(core::Daemon& daemon, core::Slots::Connection, const Json& request, Fd&) {
  return Json{
      {"revision", daemon.wait_for_revocation(request.at("seen").get<std::uint64_t>(), kRevocationPatience)}};
}

Result<Json> done(const Status& status) {
  if (!status) return status.error();
  return Json::object();
}

const std::map<std::string, Handler>& handlers() {
  using Slot = core::Slots::Connection;
  static const std::map<std::string, Handler> kAll{
      {"EnsureFunctionInterface", ensure},
      {"ReleaseFunctionInterface", release},
      {"ListFunctionInterfaces", list},
      {"LeaseSlot", lease},
      {"Attach", attach},
      {"Seal", [](core::Daemon& daemon, Slot connection, const Json& request,
                  Fd&) { return done(daemon.slots().set_sealed(connection, slot_of(request), true)); }},
      {"Unseal", [](core::Daemon& daemon, Slot connection, const Json& request,
                    Fd&) { return done(daemon.slots().set_sealed(connection, slot_of(request), false)); }},
      {"Detach", [](core::Daemon& daemon, Slot connection, const Json& request,
                    Fd&) { return done(daemon.slots().detach(connection, slot_of(request))); }},
      {"ReturnSlot", [](core::Daemon& daemon, Slot connection, const Json& request,
                        Fd&) { return done(daemon.slots().give_back(connection, slot_of(request))); }},
      {"Resume",
       [](core::Daemon& daemon, Slot connection, const Json& request, Fd& descriptor) -> Result<Json> {
         TRY(descriptor, daemon.slots().resume(connection, slot_of(request),
                                               request.at("generation").get<std::uint32_t>()));
         return Json::object();
       }},
      {"SigningKey", signing_key},
      {"SessionCredentials", session_credentials},
      {"AwaitRevocation", await_revocation}};
  return kAll;
}

}  // namespace

Json answer(core::Daemon& daemon, core::Slots::Connection connection, const Json& request, Fd& descriptor) {
  const RequestScope scope(request.value("request", ""));
  auto result = handlers().at(request.at("op").get<std::string>())(daemon, connection, request, descriptor);
  if (!result) return {{"ok", false}, {"code", result.error().code}, {"message", result.error().message}};
  Json reply = std::move(result).value();
  reply["ok"] = true;
  return reply;
}

}  // namespace caisson::netd::attach
