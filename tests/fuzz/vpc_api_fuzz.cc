// Requests to netd's API, one a line: "ACTION PARAMETERS". They go all the way that netd's go, but to a kernel: shapes,
// decode, apply, reply, and back from the store. "@vpc" and its like stand for an id that there is by then.
#include <nlohmann/json.hpp>

#include "base/json_depth.hh"
#include "netd/api/operations.hh"
#include "netd/api/stamped_json.hh"
#include "tests/fuzz/fuzz.hh"
#include "vpc/apply/apply.hh"

namespace {

using namespace caisson;
using netd::api::Json;

const vpc::AccountId kAccount{"000000000001"};

template <class Resources>
void name_first(std::string& text, std::string_view token, const Resources& resources) {
  for (auto at = text.find(token); at != std::string::npos && !resources.empty();
       at = text.find(token, at + 1))
    text.replace(at, token.size(), resources.begin()->first.text());
}

std::string with_ids(std::string_view line, const vpc::State& state) {
  std::string text(line);
  name_first(text, "@vpc", state.vpcs);
  name_first(text, "@subnet", state.subnets);
  name_first(text, "@sg", state.security_groups);
  name_first(text, "@eni", state.network_interfaces);
  return text;
}

void change(const netd::api::Operation& operation, const Json& parameters, std::uint64_t seed,
            vpc::State& state) {
  const std::string time = "2026-01-01T00:00:00.000Z";
  auto command = operation.decode(parameters);
  const Json record = netd::api::encode_stored(operation.name, parameters, kAccount, seed, time);
  const auto stored = netd::api::decode_stored(Json::parse(record.dump()));
  REQUIRE(stored.has_value() == command.has_value());
  if (!command) return;
  auto applied = vpc::apply(
      state, {.account = kAccount, .seed = seed, .time = time, .command = std::move(command).value()});
  const auto replayed = vpc::apply(state, stored.value());
  REQUIRE(replayed.has_value() == applied.has_value());
  if (!applied) return;
  const Json reply = operation.reply(applied.value(), kAccount, parameters);
  REQUIRE(reply == operation.reply(replayed.value(), kAccount, parameters));
  (void)reply.dump();
  state = std::move(applied.value().state);
}

void take(std::string_view line, std::uint64_t seed, vpc::State& state) {
  const auto* operation = netd::api::find_operation(std::string(fuzz::take_until(line, ' ')));
  if (operation == nullptr || nested_deeper_than(line, 16)) return;
  Json parameters = Json::parse(with_ids(line, state), nullptr, /*allow_exceptions=*/false);
  if (!parameters.is_object()) return;
  if (const auto checked = netd::api::check_parameters(*operation, parameters); !checked) {
    REQUIRE(netd::api::http_status(checked.error()) < 500);
    return;
  }
  if (!operation->changes()) {
    if (const auto reply = operation->read(state, kAccount, parameters)) (void)reply.value().dump();
    return;
  }
  parameters.erase("DryRun");  // as dispatch() does
  (void)netd::api::dry_run(*operation, state, kAccount, parameters);
  change(*operation, parameters, seed, state);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = fuzz::view(data, size);
  vpc::State state;
  for (std::uint64_t line = 1; line <= 16 && !rest.empty(); ++line)
    take(fuzz::take_until(rest, '\n'), line, state);
  return 0;
}
