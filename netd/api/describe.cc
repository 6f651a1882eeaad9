#include "netd/api/describe.hh"

#include <algorithm>

#include "base/id.hh"

namespace caisson::netd::api {
namespace {

constexpr std::size_t kMostFilterValues = 200;
constexpr int kSmallestPage = 5;
constexpr int kLargestPage = 1000;

bool any_matches(const Values& patterns, const Values& values) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return std::any_of(values.begin(), values.end(),
                       [&](const std::string& value) { return matches(pattern, value); });
  });
}

Values values_of_tags(const std::string& filter, const vpc::Tags& tags) {
  Values values;
  for (const auto& [key, value] : tags) {
    if (filter == "tag-key") values.push_back(key);
    if (filter == "tag:" + key) values.push_back(value);
  }
  return values;
}

bool is_tag_filter(const std::string& name) {
  return name == "tag-key" || name.starts_with("tag:");
}

}  // namespace

bool matches(std::string_view pattern, std::string_view text) {
  // Greedy with one place to come back to: after the last star, at the text it has eaten so far.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t eaten = 0;
  while (t < text.size()) {
    const bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      eaten = t;
    } else if (p < pattern.size() &&
               (escaped ? pattern[p + 1] == text[t] : pattern[p] == '?' || pattern[p] == text[t])) {
      p += escaped ? 2 : 1;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++eaten;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

Result<Query> Query::parse(const Json& parameters, const std::string& ids_member, std::string_view id_prefix,
                           const std::function<bool(const std::string&)>& known) {
  Query query;
  for (const auto& id : list_or_empty(parameters, ids_member.c_str()))
    query.ids_.push_back(id);
  for (const auto& filter : list_or_empty(parameters, "Filters")) {
    Filter parsed{.name = filter.at("Name"), .patterns = filter.at("Values")};
    if (!is_tag_filter(parsed.name) && !known(parsed.name)) {
      return Error{.code = "InvalidParameterValue", .message = "The filter '" + parsed.name + "' is invalid"};
    }
    if (parsed.patterns.size() > kMostFilterValues) {
      return Error{.code = "FilterLimitExceeded", .message = "A filter has at most 200 values"};
    }
    query.filters_.push_back(std::move(parsed));
  }
  if (parameters.contains("MaxResults") && query.by_id()) {
    return Error{.code = "InvalidParameterCombination",
                 .message = "The parameter " + ids_member + " cannot be used with the parameter MaxResults"};
  }
  TRY(auto page_size, integer_between(parameters, "MaxResults", kLargestPage, kSmallestPage, kLargestPage));
  query.page_size_ = static_cast<std::size_t>(page_size);
  query.after_ = text_or_empty(parameters, "NextToken");
  if (!query.after_.empty() && !is_well_formed_id(query.after_, id_prefix)) {
    return Error{.code = "InvalidNextToken", .message = "The token '" + query.after_ + "' is invalid"};
  }
  return query;
}

bool Query::admits(const std::function<Values(const std::string&)>& values, const vpc::Tags& tags) const {
  return std::all_of(filters_.begin(), filters_.end(), [&](const Filter& filter) {
    return any_matches(filter.patterns,
                       is_tag_filter(filter.name) ? values_of_tags(filter.name, tags) : values(filter.name));
  });
}

}  // namespace caisson::netd::api
