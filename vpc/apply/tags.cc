#include <algorithm>

#include "vpc/apply/change.hh"
#include "vpc/apply/lookup.hh"

namespace caisson::vpc {
namespace {

/// Characters of UTF-8, which is what EC2 counts: every byte but the continuation bytes.
std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

Status check_tag(const std::string& key, const std::string& value) {
  if (key.starts_with("aws:")) {
    return Error{.code = "InvalidTagKey.Malformed",
                 .message = "Value (" + key +
                            ") for parameter key is invalid. Tag keys starting with 'aws:' are reserved"};
  }
  if (key.empty() || characters(key) > 128) {
    return Error{
        .code = "InvalidParameterValue",
        .message = "Value (" + key + ") for parameter key is invalid. A tag key has 1 to 128 characters"};
  }
  if (characters(value) > 256) {
    return Error{.code = "InvalidParameterValue",
                 .message = "The value of tag '" + key + "' is invalid. A tag value has 0 to 256 characters"};
  }
  return ok();
}

/// Tags one resource, if `text` is an id of its kind and the account sees it.
template <class IdType, class Resource>
Result<bool> tag(Change& change, const Table<IdType, Resource>&, const std::string& text, const Tags& tags) {
  const auto id = IdType::parse(text);
  if (!id) return false;
  const Resource* found = find_visible(change.state, change.account(), *id);
  if (found == nullptr) return false;
  Resource resource = *found;
  for (const auto& [key, value] : tags)
    resource.tags.insert_or_assign(key, value);
  if (resource.tags.size() > change.state.quotas.tags_per_resource) {
    return Error{.code = "TagLimitExceeded",
                 .message = "The maximum number of tags of resource " + text + " has been reached."};
  }
  put(change.state, std::move(resource));
  return true;
}

Result<bool> tag_any(Change& change, const std::string& id, const Tags& tags) {
  State& state = change.state;
  if (id.starts_with("vpc-")) return tag(change, state.vpcs, id, tags);
  if (id.starts_with("subnet-")) return tag(change, state.subnets, id, tags);
  if (id.starts_with("rtb-")) return tag(change, state.route_tables, id, tags);
  if (id.starts_with("acl-")) return tag(change, state.network_acls, id, tags);
  if (id.starts_with("sg-")) return tag(change, state.security_groups, id, tags);
  if (id.starts_with("sgr-")) return tag(change, state.security_group_rules, id, tags);
  if (id.starts_with("eni-")) return tag(change, state.network_interfaces, id, tags);
  if (id.starts_with("vpce-")) return tag(change, state.vpc_endpoints, id, tags);
  return false;
}

}  // namespace

Status check_tags(const State& state, const Tags& tags) {
  for (const auto& [key, value] : tags) {
    TRYV(check_tag(key, value));
  }
  if (tags.size() > state.quotas.tags_per_resource) {
    return Error{.code = "TagLimitExceeded",
                 .message = "The maximum number of tags of a resource has been reached."};
  }
  return ok();
}

Status apply_to(Change& change, const CreateTags& command) {
  TRYV(check_tags(change.state, command.tags));
  if (command.resources.empty() || command.tags.empty()) {
    return Error{.code = "MissingParameter",
                 .message = std::string("The request must contain the parameter ") +
                            (command.resources.empty() ? "resourceIdSet" : "tagSet")};
  }
  for (const auto& resource : command.resources) {
    TRY(auto tagged, tag_any(change, resource, command.tags));
    if (!tagged) return Error{.code = "InvalidID", .message = "The ID '" + resource + "' is not valid"};
  }
  return ok();
}

}  // namespace caisson::vpc
