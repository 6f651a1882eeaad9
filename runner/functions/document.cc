#include "runner/functions/document.hh"

#include <nlohmann/json.hpp>
#include <utility>

namespace caisson::runner {

namespace {

using Json = nlohmann::json;

Json write(const Settings& settings) {
  return {{"runtime", settings.runtime},
          {"handler", settings.handler},
          {"role", settings.role},
          {"description", settings.description},
          {"timeout_seconds", settings.timeout_seconds},
          {"memory_mib", settings.memory_mib},
          {"temporary_mib", settings.temporary_mib},
          {"variables", settings.variables},
          {"subnets", settings.vpc.subnets},
          {"groups", settings.vpc.groups},
          {"vpc", settings.vpc.vpc},
          {"code_file", settings.code.file},
          {"code_sha256", settings.code.sha256},
          {"code_bytes", settings.code.bytes}};
}

/// A number of another kind, or one that does not fit, is not what was written.
template <class Integer>
void read_integer(const Json& json, const char* name, Integer& into) {
  const Json& value = json.at(name);
  const bool fits = value.is_number_unsigned()  ? std::in_range<Integer>(value.get<std::uint64_t>())
                    : value.is_number_integer() ? std::in_range<Integer>(value.get<std::int64_t>())
                                                : false;
  if (!fits) throw std::out_of_range(name);
  value.get_to(into);
}

Settings read_settings(const Json& json) {
  Settings settings;
  json.at("runtime").get_to(settings.runtime);
  json.at("handler").get_to(settings.handler);
  json.at("role").get_to(settings.role);
  json.at("description").get_to(settings.description);
  read_integer(json, "timeout_seconds", settings.timeout_seconds);
  read_integer(json, "memory_mib", settings.memory_mib);
  read_integer(json, "temporary_mib", settings.temporary_mib);
  json.at("variables").get_to(settings.variables);
  json.at("subnets").get_to(settings.vpc.subnets);
  json.at("groups").get_to(settings.vpc.groups);
  json.at("vpc").get_to(settings.vpc.vpc);
  json.at("code_file").get_to(settings.code.file);
  json.at("code_sha256").get_to(settings.code.sha256);
  read_integer(json, "code_bytes", settings.code.bytes);
  return settings;
}

Json write(const Reason& reason) {
  return {{"code", reason.code}, {"message", reason.message}};
}

Reason read_reason(const Json& json) {
  return {json.at("code"), json.at("message")};
}

template <class Enum>
Enum read_enum(const Json& json, std::initializer_list<Enum> values) {
  for (const Enum value : values) {
    if (json == text(value)) return value;
  }
  throw std::out_of_range("unknown state " + json.dump());
}

Function read_function(const Json& json) {
  Function function;
  json.at("account").get_to(function.key.account);
  json.at("name").get_to(function.key.name);
  function.current = read_settings(json.at("current"));
  json.at("deployment").get_to(function.deployment);
  if (json.contains("next")) function.next = read_settings(json.at("next"));
  json.at("next_deployment").get_to(function.next_deployment);
  json.at("revision").get_to(function.revision);
  json.at("last_modified").get_to(function.last_modified);
  json.at("tags").get_to(function.tags);
  function.state = read_enum(json.at("state"), {State::kPending, State::kActive, State::kFailed});
  function.state_reason = read_reason(json.at("state_reason"));
  function.update_status = read_enum(
      json.at("update_status"),
      {UpdateStatus::kNone, UpdateStatus::kInProgress, UpdateStatus::kSuccessful, UpdateStatus::kFailed});
  function.update_reason = read_reason(json.at("update_reason"));
  return function;
}

}  // namespace

std::string to_document(const Function& function) {
  Json json = {{"account", function.key.account},
               {"name", function.key.name},
               {"current", write(function.current)},
               {"deployment", function.deployment},
               {"next_deployment", function.next_deployment},
               {"revision", function.revision},
               {"last_modified", function.last_modified},
               {"tags", function.tags},
               {"state", text(function.state)},
               {"state_reason", write(function.state_reason)},
               {"update_status", text(function.update_status)},
               {"update_reason", write(function.update_reason)}};
  if (function.next) json["next"] = write(*function.next);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Function> parse_document(std::string_view text) {
  try {
    return read_function(Json::parse(text));
  } catch (const std::exception& problem) {
    return Error{.code = "CorruptRegistry",
                 .message = std::string("a function's document: ") + problem.what()};
  }
}

}  // namespace caisson::runner
