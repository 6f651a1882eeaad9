// Short names for the shapes of members, so that a table of operations reads like EC2's reference.
#pragma once

#include <string>
#include <vector>

#include "netd/api/operations.hh"

namespace caisson::netd::api {

Shape string_shape();
/// With room for a policy, whose own limit its parser knows.
Shape document_shape();
Shape integer_shape();
Shape boolean_shape();
Shape list_of(Shape item);
Shape structure(std::vector<Member> members);

Member required(std::string name, Shape shape, std::string doc);
Member optional(std::string name, Shape shape, std::string doc);
/// A member that EC2 has and Caisson refuses, with the reason as a sentence.
Member unsupported(std::string name, Shape shape, std::string why);

/// Members that many actions share.
Member dry_run_member();
Member tag_specifications(const std::string& resource_type);
Member tags_member();
Member filters_member(const std::string& names);
/// Filters, `ids_member`, MaxResults, NextToken, DryRun.
std::vector<Member> describe_members(const std::string& ids_member, const std::string& filter_names);

}  // namespace caisson::netd::api
