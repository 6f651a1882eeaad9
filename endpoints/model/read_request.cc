#include "endpoints/model/read_request.hh"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/strict_json.hh"
#include "endpoints/model/rest_address.hh"

namespace caisson::endpoints {
namespace {

using Json = nlohmann::json;

Error refuse(const std::string& code, const std::string& message) {
  return {.code = code, .message = message};
}

bool is_parameter(const RestRequests& rest, const std::string& name) {
  return std::ranges::any_of(rest.parameters, [&name](const std::string& known) {
    return known.ends_with('*') ? name.starts_with(std::string_view(known).substr(0, known.size() - 1))
                                : name == known;
  });
}

/// The query parameter that names an operation, if there is one. Others that are not known might name one, too.
Result<std::string> operation_query(const RestRequests& rest, const RestAddress& address) {
  std::string named;
  for (const auto& [name, value] : address.query) {
    if (is_parameter(rest, name)) continue;
    if (!named.empty()) {
      std::string both = named;
      both += " and ";
      both += name;
      return refuse("NotImplemented", "These parameters don't go together: " + both);
    }
    named = name;
  }
  return named;
}

RestOperation::On place_of(const RestAddress& address) {
  if (address.bucket.empty()) return RestOperation::On::kService;
  return address.key.empty() ? RestOperation::On::kBucket : RestOperation::On::kObject;
}

std::string rest_arn(const std::string& bucket, const std::string& key) {
  const std::string arn = "arn:aws:s3:::" + (bucket.empty() ? "*" : bucket);
  return key.empty() ? arn : arn + "/" + key;
}

Result<Access> copy_source(const RestOperation& operation, const std::string& header) {
  if (operation.source_action.empty())
    return refuse("NotImplemented", "x-amz-copy-source has no meaning here");
  TRY(const auto source, parse_copy_source(header));
  return Access{operation.source_action, rest_arn(source.bucket, source.key)};
}

Result<Reading> read_rest(const RestRequests& rest, const RequestHead& head, const std::string& bucket) {
  TRY(const auto address, parse_address(head.target, bucket));
  TRY(const auto query, operation_query(rest, address));
  const auto on = place_of(address);
  const auto operation = std::ranges::find_if(rest.operations, [&](const RestOperation& one) {
    return one.method == head.method && one.on == on && one.query == query;
  });
  if (operation == rest.operations.end()) {
    return refuse("NotImplemented",
                  "A header or query you provided implies functionality that is not implemented: " +
                      head.method + (query.empty() ? "" : " with ?" + query));
  }
  Reading reading{.accesses = {{operation->action, rest_arn(address.bucket, address.key)}},
                  .bucket = address.bucket};
  if (const auto source = head.headers.find("x-amz-copy-source"); source != head.headers.end()) {
    TRY(auto access, copy_source(*operation, source->second));
    reading.accesses.push_back(std::move(access));
  }
  for (const auto& [parameter, key] : operation->context) {
    if (const auto found = address.query.find(parameter); found != address.query.end()) {
      reading.context[key] = {found->second};
    }
  }
  return reading;
}

void collect_members(const Json& json, const std::vector<std::string>& members,
                     std::set<std::string>& names) {
  if (!json.is_structured()) return;
  for (const auto& [key, value] : json.items()) {
    if (json.is_object() && value.is_string() && std::ranges::find(members, key) != members.end()) {
      names.insert(value.get<std::string>());
    }
    collect_members(value, members, names);
  }
}

std::string json_arn(const JsonRequests& requests, const std::string& name, const Place& place) {
  if (name.starts_with("arn:")) return name;
  std::string arn = requests.resource;
  for (const auto& [slot, value] : {std::pair{"{account}", place.account}, std::pair{"{name}", name}}) {
    if (const auto at = arn.find(slot); at != std::string::npos)
      arn.replace(at, std::string_view(slot).size(), value);
  }
  return arn;
}

constexpr std::size_t kMaxDepth = 48;  // DynamoDB's documents nest 32 deep

Result<Json> parse_body(std::string_view body) {
  JsonRefusal refusal;
  auto json = parse_strictly(body.empty() ? "{}" : body, kMaxDepth, refusal);
  if (!json) return refuse("SerializationException", "The body can't be read: " + refusal.why);
  if (!json->is_object()) return refuse("SerializationException", "The body must be a JSON object");
  return *std::move(json);
}

Result<Reading> read_json(const Service& service, const RequestHead& head, std::string_view body,
                          const Place& place) {
  const JsonRequests& requests = *service.json;
  const auto target = head.headers.find("x-amz-target");
  const std::string wanted = target == head.headers.end() ? "" : target->second;
  const std::string operation =
      wanted.starts_with(requests.target_prefix) ? wanted.substr(requests.target_prefix.size()) : "";
  if (head.method != "POST" || operation.empty() ||
      !std::ranges::all_of(operation, [](unsigned char c) { return std::isalnum(c) != 0; })) {
    return refuse("UnknownOperationException",
                  "X-Amz-Target must be " + requests.target_prefix + " and an operation");
  }
  TRY(const Json json, parse_body(body));
  std::set<std::string> names;
  collect_members(json, requests.name_members, names);
  for (const std::string& member : requests.name_keys_of) {
    if (const auto found = json.find(member); found != json.end() && found->is_object()) {
      for (const auto& [name, value] : found->items())
        names.insert(name);
    }
  }
  Reading reading;
  const std::string action = service.name + ":" + operation;
  for (const std::string& name : names)
    reading.accesses.push_back({action, json_arn(requests, name, place)});
  if (names.empty()) reading.accesses.push_back({action, "*"});
  return reading;
}

}  // namespace

Result<Reading> read_request(const Service& service, const RequestHead& head, std::string_view body,
                             const Place& place) {
  const auto bucket = match_host(service, head.host);
  if (!bucket) return refuse("InvalidURI", head.host + " is not a name of the service " + service.name);
  if (service.rest) return read_rest(*service.rest, head, *bucket);
  return read_json(service, head, body, place);
}

}  // namespace caisson::endpoints
