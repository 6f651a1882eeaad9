// What all Describe actions share: ids, filters and pages.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "netd/api/parameters.hh"
#include "vpc/apply/lookup.hh"

namespace caisson::netd::api {

/// Does `text` match `pattern`, in which * stands for any text, ? for one character, and \ takes the meaning
/// off the next character? A pattern without ? is looked for as text is; at worst it is the product of the lengths.
bool matches(std::string_view pattern, std::string_view text);

/// The values that a resource has for a filter.
using Values = std::vector<std::string>;

/// The Filters, MaxResults and NextToken of one call.
class Query {
 public:
  /// `known` are the names of the filters, besides tag:KEY and tag-key. Errors: InvalidParameterValue,
  /// FilterLimitExceeded, InvalidParameterCombination (MaxResults with ids), InvalidNextToken.
  static Result<Query> parse(const Json& parameters, const std::string& ids_member,
                             std::string_view id_prefix,
                             const std::function<bool(const std::string&)>& known);

  /// Do all filters match? `values` is asked for the known names.
  [[nodiscard]] bool admits(const std::function<Values(const std::string&)>& values,
                            const vpc::Tags& tags) const;
  [[nodiscard]] bool by_id() const { return !ids_.empty(); }
  [[nodiscard]] const std::vector<std::string>& ids() const { return ids_; }
  /// The last id of the page before, or "".
  [[nodiscard]] const std::string& after() const { return after_; }
  [[nodiscard]] std::size_t page_size() const { return page_size_; }

 private:
  struct Filter {
    std::string name;
    Values patterns;
  };
  std::vector<std::string> ids_;
  std::vector<Filter> filters_;
  std::string after_;
  std::size_t page_size_ = 1000;
};

/// One Describe action over one table.
template <class Resource>
struct Description {
  std::string ids_member;   ///< "VpcIds"
  std::string list_member;  ///< "Vpcs"
  std::map<std::string, std::function<Values(const Resource&)>> filters;
  std::function<Json(const Resource&)> to_json;
};

/// The reply: {list_member: [...], "NextToken": "..."}; the token only when there is more.
template <class IdType, class Resource>
Result<Json> describe(const vpc::State& state, const vpc::AccountId& account,
                      const vpc::Table<IdType, Resource>& table, const Json& parameters,
                      const Description<Resource>& description) {
  TRY(auto query, Query::parse(parameters, description.ids_member, IdType::prefix(),
                               [&](const std::string& name) { return description.filters.contains(name); }));
  Json list = Json::array();
  const auto admitted = [&](const Resource& resource) {
    return query.admits([&](const std::string& name) { return description.filters.at(name)(resource); },
                        resource.tags);
  };
  if (query.by_id()) {
    for (const auto& text : query.ids()) {
      const auto id = IdType::parse(text);
      if (!id) return malformed_id(IdType::prefix(), text);
      TRY(const auto* resource, vpc::get_visible(state, account, *id));
      if (admitted(*resource)) list.push_back(description.to_json(*resource));
    }
    return Json{{description.list_member, std::move(list)}};
  }
  std::string last;
  const auto after = IdType::parse(query.after());
  for (auto row = after ? table.upper_bound(*after) : table.begin(); row != table.end(); ++row) {
    if (vpc::find_visible(state, account, row->first) == nullptr || !admitted(*row->second)) continue;
    if (list.size() == query.page_size()) {
      return Json{{description.list_member, std::move(list)}, {"NextToken", last}};
    }
    list.push_back(description.to_json(*row->second));
    last = row->first.text();
  }
  return Json{{description.list_member, std::move(list)}};
}

}  // namespace caisson::netd::api
