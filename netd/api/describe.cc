#include "netd/api/describe.hh"

#include <algorithm>

#include "base/id.hh"

namespace caisson::netd::api {
namespace {

constexpr std::size_t kMostFilterValues = 200;
constexpr int kSmallestPage = 5;
constexpr int kLargestPage = 1000;

/// What stands between two stars of a pattern.
struct Segment {
  std::string text;
  std::string any;  ///< as long as `text`: where it is 1, any character fits
  bool has_any = false;

  void add(char c, bool is_any) {
    text += c;
    any += is_any ? '\1' : '\0';
    has_any |= is_any;
  }
  /// `in` has room for it there.
  [[nodiscard]] bool is_at(std::string_view in, std::size_t at) const {
    if (!has_any) return in.compare(at, text.size(), text) == 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (any[i] == 0 && in[at + i] != text[i]) return false;
    }
    return true;
  }
  [[nodiscard]] std::size_t find(std::string_view in, std::size_t at) const {
    if (!has_any) return in.find(text, at);
    for (; at + text.size() <= in.size(); ++at) {
      if (is_at(in, at)) return at;
    }
    return std::string_view::npos;
  }
};

std::vector<Segment> segments_of(std::string_view pattern) {
  std::vector<Segment> segments(1);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool escaped = pattern[i] == '\\' && i + 1 < pattern.size();
    if (escaped) {
      segments.back().add(pattern[++i], false);
    } else if (pattern[i] == '*') {
      segments.emplace_back();
    } else {
      segments.back().add(pattern[i], pattern[i] == '?');
    }
  }
  return segments;
}

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
  const auto segments = segments_of(pattern);
  const Segment& head = segments.front();
  const Segment& tail = segments.back();
  if (segments.size() == 1) return head.text.size() == text.size() && head.is_at(text, 0);
  if (text.size() < head.text.size() + tail.text.size()) return false;
  const std::size_t end = text.size() - tail.text.size();
  if (!head.is_at(text, 0) || !tail.is_at(text, end)) return false;
  // The leftmost place of each segment leaves the most for those that follow.
  std::size_t at = head.text.size();
  for (std::size_t i = 1; i + 1 < segments.size(); ++i) {
    at = segments[i].find(text.substr(0, end), at);
    if (at == std::string_view::npos) return false;
    at += segments[i].text.size();
  }
  return true;
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
