#include "netd/api/parameters.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

Result<vpc::Command> decode_create(const Json& parameters) {
  TRY(auto created_tags, tags(parameters.at("Tags")));
  return vpc::CreateTags{.resources = parameters.at("Resources"), .tags = std::move(created_tags)};
}

}  // namespace

std::vector<Operation> tag_operations() {
  auto all_tags = tags_member();
  all_tags.required = true;
  all_tags.doc = "The tags; a key that a resource has already gets the new value.";
  return {{.name = "CreateTags",
           .doc = "Adds tags to resources, or changes them.",
           .example = "--resources vpc-0123456789abcdef0 --tags Key=Name,Value=shop",
           .members = {required("Resources", list_of(string_shape()), "Ids of any kind."), all_tags,
                       dry_run_member()},
           .decode = decode_create,
           .reply = [](const vpc::Applied&, const vpc::AccountId&, const Json&) { return Json::object(); }}};
}

}  // namespace caisson::netd::api
