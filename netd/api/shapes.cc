#include "netd/api/shapes.hh"

namespace caisson::netd::api {

Shape string_shape() {
  return {.type = Shape::Type::kString};
}
Shape document_shape() {
  return {.type = Shape::Type::kString, .longest = 65536};
}
Shape integer_shape() {
  return {.type = Shape::Type::kInteger};
}
Shape boolean_shape() {
  return {.type = Shape::Type::kBoolean};
}
Shape list_of(Shape item) {
  return {.type = Shape::Type::kList, .item = {std::move(item)}};
}
Shape structure(std::vector<Member> members) {
  return {.type = Shape::Type::kStructure, .members = std::move(members)};
}

Member required(std::string name, Shape shape, std::string doc) {
  return {.name = std::move(name), .shape = std::move(shape), .required = true, .doc = std::move(doc)};
}

Member optional(std::string name, Shape shape, std::string doc) {
  return {.name = std::move(name), .shape = std::move(shape), .doc = std::move(doc)};
}

Member unsupported(std::string name, Shape shape, std::string why) {
  return {.name = std::move(name), .shape = std::move(shape), .doc = "Refused: " + why, .unsupported = why};
}

Member dry_run_member() {
  return optional("DryRun", boolean_shape(),
                  "Only check: a request that would succeed fails with DryRunOperation.");
}

Member tags_member() {
  return optional("Tags",
                  list_of(structure({required("Key", string_shape(), "1 to 128 characters, not aws:..."),
                                     optional("Value", string_shape(), "Up to 256 characters.")})),
                  "The tags.");
}

Member tag_specifications(const std::string& resource_type) {
  return optional(
      "TagSpecifications",
      list_of(structure({required("ResourceType", string_shape(), resource_type), tags_member()})),
      "Tags to create with the resource; ResourceType is " + resource_type + ".");
}

Member filters_member(const std::string& names) {
  return optional("Filters",
                  list_of(structure(
                      {required("Name", string_shape(), "The filter's name."),
                       required("Values", list_of(string_shape()), "One of these; * and ? are wildcards.")})),
                  "All must match: " + names + ", tag:KEY, tag-key.");
}

std::vector<Member> describe_members(const std::string& ids_member, const std::string& filter_names) {
  return {
      optional(ids_member, list_of(string_shape()), "Only these; one that does not exist fails the call."),
      filters_member(filter_names),
      optional("MaxResults", integer_shape(), "Size of a page, 5 to 1000; not together with ids."),
      optional("NextToken", string_shape(), "The NextToken of the page before."), dry_run_member()};
}

}  // namespace caisson::netd::api
