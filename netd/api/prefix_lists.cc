// The services' prefix lists: the provider's, the same for every account, and nobody's to change.
#include <algorithm>

#include "netd/api/describe.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

using ToJson = Json (*)(const vpc::Service& service);

Json short_json(const vpc::Service& service) {
  Json cidrs = Json::array();
  for (const auto& cidr : service.cidrs) {
    cidrs.push_back(cidr.text());
  }
  return {{"Cidrs", std::move(cidrs)},
          {"PrefixListId", service.prefix_list.text()},
          {"PrefixListName", service.name}};
}

Json managed_json(const vpc::Service& service) {
  return {{"PrefixListId", service.prefix_list.text()},
          {"AddressFamily", "IPv4"},
          {"State", "create-complete"},
          {"PrefixListArn",
           std::string("arn:aws:ec2:") + kRegion + ":aws:prefix-list/" + service.prefix_list.text()},
          {"PrefixListName", service.name},
          {"Tags", Json::array()},
          {"OwnerId", "AWS"}};
}

Values values_for(const vpc::Service& service, const std::string& filter) {
  if (filter == "prefix-list-id") return {service.prefix_list.text()};
  return filter == "owner-id" ? Values{"AWS"} : Values{service.name};
}

/// Those that are asked for by id, or all after the last page.
Result<std::vector<const vpc::Service*>> chosen(const vpc::State& state, const Query& query) {
  std::vector<const vpc::Service*> all;
  for (const auto& service : state.services) {
    if (query.after() < service.prefix_list.text()) all.push_back(&service);
  }
  if (!query.by_id()) return all;
  std::vector<const vpc::Service*> found;
  for (const auto& text : query.ids()) {
    if (!vpc::PrefixListId::parse(text)) return malformed_id(vpc::PrefixListId::prefix(), text);
    const auto one = std::find_if(all.begin(), all.end(),
                                  [&](const auto* service) { return service->prefix_list.text() == text; });
    if (one == all.end()) {
      return Error{.code = "InvalidPrefixListID.NotFound",
                   .message = "The prefix list ID '" + text + "' does not exist"};
    }
    found.push_back(*one);
  }
  return found;
}

Result<Json> read(const vpc::State& state, const Json& parameters, ToJson to_json) {
  TRY(auto query,
      Query::parse(parameters, "PrefixListIds", vpc::PrefixListId::prefix(), [](const std::string& name) {
        return name == "prefix-list-id" || name == "prefix-list-name" || name == "owner-id";
      }));
  TRY(const auto services, chosen(state, query));
  Json list = Json::array();
  std::string last;
  for (const auto* service : services) {
    if (!query.admits([&](const std::string& name) { return values_for(*service, name); }, {})) continue;
    if (!query.by_id() && list.size() == query.page_size()) {
      return Json{{"PrefixLists", std::move(list)}, {"NextToken", last}};
    }
    list.push_back(to_json(*service));
    last = service->prefix_list.text();
  }
  return Json{{"PrefixLists", std::move(list)}};
}

template <ToJson to_json>
Result<Json> read_as(const vpc::State& state, const vpc::AccountId&, const Json& parameters) {
  return read(state, parameters, to_json);
}

}  // namespace

std::vector<Operation> prefix_list_operations() {
  const auto members = describe_members("PrefixListIds", "prefix-list-id, prefix-list-name, owner-id");
  return {{.name = "DescribePrefixLists",
           .doc = "Lists the services' prefix lists, with their blocks of addresses.",
           .example = "--filters Name=prefix-list-name,Values=*.s3",
           .members = members,
           .read = read_as<short_json>},
          {.name = "DescribeManagedPrefixLists",
           .doc = "Lists prefix lists with their owner; all are the provider's.",
           .example = "--filters Name=owner-id,Values=AWS",
           .members = members,
           .read = read_as<managed_json>}};
}

}  // namespace caisson::netd::api
