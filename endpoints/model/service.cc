#include "endpoints/model/service.hh"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/id.hh"
#include "base/strict_json.hh"

namespace caisson::endpoints {
namespace {

using Json = nlohmann::json;

Error wrong(const std::string& what) {
  return {.code = "InvalidServiceDocument", .message = "The service's document is not valid: " + what};
}

std::string in_region(std::string text, const std::string& region) {
  static const std::string kPlace = "{region}";
  for (auto at = text.find(kPlace); at != std::string::npos; at = text.find(kPlace, at + region.size()))
    text.replace(at, kPlace.size(), region);
  return text;
}

Result<std::string> text_of(const Json& json, const std::string& member, bool required = true) {
  const auto found = json.find(member);
  if (found == json.end() && !required) return std::string();
  if (found == json.end() || !found->is_string()) return wrong("it needs a string " + member);
  return found->get<std::string>();
}

Result<std::vector<std::string>> texts_of(const Json& json, const std::string& member) {
  const auto found = json.find(member);
  if (found == json.end() || !found->is_array()) return wrong("it needs a list " + member);
  std::vector<std::string> texts;
  for (const Json& one : *found) {
    if (!one.is_string()) return wrong("all of " + member + " must be strings");
    texts.push_back(one.get<std::string>());
  }
  return texts;
}

Status check_members(const Json& json, std::initializer_list<std::string_view> known) {
  if (!json.is_object()) return wrong("it must be an object");
  for (const auto& [name, value] : json.items()) {
    if (std::ranges::find(known, name) == known.end()) return wrong("there is no member " + name);
  }
  return ok();
}

Result<RestOperation::On> place_of(const std::string& text) {
  if (text == "Service") return RestOperation::On::kService;
  if (text == "Bucket") return RestOperation::On::kBucket;
  if (text == "Object") return RestOperation::On::kObject;
  return wrong("On must be Service, Bucket or Object");
}

Result<RestOperation> read_operation(const Json& json) {
  TRYV(check_members(json, {"Method", "On", "Query", "Action", "Source", "Context"}));
  RestOperation operation;
  TRY(operation.method, text_of(json, "Method"));
  TRY(const auto on, text_of(json, "On"));
  TRY(operation.on, place_of(on));
  TRY(operation.query, text_of(json, "Query", false));
  TRY(operation.action, text_of(json, "Action"));
  TRY(operation.source_action, text_of(json, "Source", false));
  const Json context = json.value("Context", Json::object());
  for (const auto& [parameter, key] : context.items()) {
    if (!key.is_string()) return wrong("all of Context must be strings");
    operation.context[parameter] = key.get<std::string>();
  }
  return operation;
}

Result<RestRequests> read_rest(const Json& json) {
  RestRequests rest;
  TRY(rest.parameters, texts_of(json, "Parameters"));
  const auto operations = json.find("Operations");
  if (operations == json.end() || !operations->is_array()) return wrong("it needs a list Operations");
  for (const Json& one : *operations) {
    TRY(auto operation, read_operation(one));
    rest.operations.push_back(std::move(operation));
  }
  return rest;
}

Result<JsonRequests> read_json(const Json& json, const std::string& region) {
  JsonRequests requests;
  TRY(requests.target_prefix, text_of(json, "TargetPrefix"));
  TRY(const auto resource, text_of(json, "Resource"));
  requests.resource = in_region(resource, region);
  TRY(requests.name_members, texts_of(json, "NameMembers"));
  TRY(requests.name_keys_of, texts_of(json, "NameKeysOf"));
  return requests;
}

Result<std::vector<std::uint16_t>> read_ports(const Json& json) {
  const Json ports = json.value("Ports", Json::array());
  std::vector<std::uint16_t> read;
  for (const Json& port : ports) {
    if (!port.is_number_unsigned() || port == 0 || port > 65535)
      return wrong("a port is a number from 1 to 65535");
    read.push_back(port.get<std::uint16_t>());
  }
  if (read.empty()) return wrong("it needs Ports");
  return read;
}

Status read_prefix_list(const Json& json, Service& service) {
  const Json list = json.value("PrefixList", Json());
  TRYV(check_members(list, {"Id", "Cidrs"}));
  TRY(service.prefix_list, text_of(list, "Id"));
  if (!is_well_formed_id(service.prefix_list, "pl")) return wrong("the Id of PrefixList must be pl-...");
  TRY(const auto cidrs, texts_of(list, "Cidrs"));
  for (const std::string& text : cidrs) {
    const auto cidr = Ipv4Cidr::parse(text);
    if (!cidr) return wrong("all Cidrs of PrefixList must be IPv4 blocks");
    service.cidrs.push_back(*cidr);
  }
  if (service.cidrs.empty()) return wrong("its PrefixList needs Cidrs");
  return ok();
}

constexpr std::size_t kMaxDepth = 8;

}  // namespace

Result<Service> parse_service(std::string_view document, const std::string& region) {
  JsonRefusal refusal;
  const auto parsed = parse_strictly(document, kMaxDepth, refusal);
  if (!parsed) return wrong(refusal.why);
  const Json& json = *parsed;
  TRYV(check_members(
      json, {"Name", "ServiceName", "PrefixList", "SigningName", "Hosts", "Ports", "Requests", "Operations",
             "Parameters", "TargetPrefix", "Resource", "NameMembers", "NameKeysOf"}));
  Service service;
  TRY(service.name, text_of(json, "Name"));
  TRY(const auto service_name, text_of(json, "ServiceName"));
  service.service_name = in_region(service_name, region);
  TRYV(read_prefix_list(json, service));
  TRY(service.signing_name, text_of(json, "SigningName"));
  TRY(const auto hosts, texts_of(json, "Hosts"));
  for (const std::string& host : hosts)
    service.hosts.push_back(in_region(host, region));
  TRY(service.ports, read_ports(json));
  TRY(const auto manner, text_of(json, "Requests"));
  if (manner == "Rest") {
    TRY(service.rest, read_rest(json));
  } else if (manner == "Json") {
    TRY(service.json, read_json(json, region));
  } else {
    return wrong("Requests must be Rest or Json");
  }
  return service;
}

std::optional<std::string> match_host(const Service& service, std::string_view host) {
  // Exact names first: "*.s3.amazonaws.com" would take "x.s3.amazonaws.com" for a bucket either way, but no document
  // should depend on the order of its hosts.
  if (std::ranges::find(service.hosts, host) != service.hosts.end()) return std::string();
  for (const std::string& pattern : service.hosts) {
    if (!pattern.starts_with("*.")) continue;
    const std::string_view tail = std::string_view(pattern).substr(1);
    if (host.size() > tail.size() && host.ends_with(tail))
      return std::string(host.substr(0, host.size() - tail.size()));
  }
  return std::nullopt;
}

}  // namespace caisson::endpoints
