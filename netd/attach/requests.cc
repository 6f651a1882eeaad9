#include "netd/attach/requests.hh"

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

/// Members by name and kind: 's' text, 'n' number, 'l' list of texts. All must be there, and nothing else.
struct Operation {
  std::map<std::string, char> members;
  Handler handle;
};

bool fits(const Json& value, char kind) {
  if (kind == 's') return value.is_string();
  if (kind == 'n') return value.is_number_unsigned() && value.get<std::uint64_t>() <= 0xffffffffU;
  if (!value.is_array()) return false;
  for (const auto& item : value) {
    if (!item.is_string()) return false;
  }
  return true;
}

/// The id of the caller's request, as it stands in both daemons' logs: a UUID, or a word like one.
bool is_request_id(const Json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
             std::string::npos;
}

bool fits(const Json& request, const Operation& operation) {
  const auto id = request.find("request");
  if (id != request.end() && !is_request_id(*id)) return false;
  const std::size_t all = operation.members.size() + (id == request.end() ? 1 : 2);
  if (request.size() != all) return false;
  for (const auto& [name, kind] : operation.members) {
    const auto found = request.find(name);
    if (found == request.end() || !fits(*found, kind)) return false;
  }
  return true;
}

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

Result<Json> done(const Status& status) {
  if (!status) return status.error();
  return Json::object();
}

const std::map<std::string, Operation>& operations() {
  using Slot = core::Slots::Connection;
  static const std::map<std::string, Operation> kAll{
      {"EnsureFunctionInterface",
       {{{"account", 's'}, {"user", 's'}, {"subnets", 'l'}, {"groups", 'l'}}, ensure}},
      {"ReleaseFunctionInterface", {{{"account", 's'}, {"user", 's'}}, release}},
      {"ListFunctionInterfaces", {{}, list}},
      {"LeaseSlot", {{}, lease}},
      {"Attach", {{{"slot", 'n'}, {"eni", 's'}}, attach}},
      {"Seal",
       {{{"slot", 'n'}},
        [](core::Daemon& daemon, Slot connection, const Json& request, Fd&) {
          return done(daemon.slots().set_sealed(connection, slot_of(request), true));
        }}},
      {"Unseal",
       {{{"slot", 'n'}},
        [](core::Daemon& daemon, Slot connection, const Json& request, Fd&) {
          return done(daemon.slots().set_sealed(connection, slot_of(request), false));
        }}},
      {"Detach",
       {{{"slot", 'n'}},
        [](core::Daemon& daemon, Slot connection, const Json& request, Fd&) {
          return done(daemon.slots().detach(connection, slot_of(request)));
        }}},
      {"ReturnSlot",
       {{{"slot", 'n'}},
        [](core::Daemon& daemon, Slot connection, const Json& request, Fd&) {
          return done(daemon.slots().give_back(connection, slot_of(request)));
        }}},
      {"Resume",
       {{{"slot", 'n'}, {"generation", 'n'}},
        [](core::Daemon& daemon, Slot connection, const Json& request, Fd& descriptor) -> Result<Json> {
          TRY(descriptor, daemon.slots().resume(connection, slot_of(request),
                                                request.at("generation").get<std::uint32_t>()));
          return Json::object();
        }}}};
  return kAll;
}

}  // namespace

bool answer(core::Daemon& daemon, core::Slots::Connection connection, const Json& request, Json& reply,
            Fd& descriptor) {
  if (!request.is_object()) return false;
  const auto name = request.find("op");
  if (name == request.end() || !name->is_string()) return false;
  const auto operation = operations().find(name->get<std::string>());
  if (operation == operations().end() || !fits(request, operation->second)) return false;
  const RequestScope scope(request.value("request", ""));
  auto result = operation->second.handle(daemon, connection, request, descriptor);
  if (result) {
    reply = std::move(result).value();
    reply["ok"] = true;
  } else {
    reply = {{"ok", false}, {"code", result.error().code}, {"message", result.error().message}};
  }
  return true;
}

}  // namespace caisson::netd::attach
