#include "cli/texts.hh"

#include "cli/arguments.hh"
#include "netd/api/operations.hh"

namespace caisson::cli {
namespace {

using netd::api::Member;
using netd::api::Operation;
using netd::api::Shape;

constexpr const char* kIntroduction = R"(# The VPC API

Generated from the table of operations (`netd/api/`) by `caisson internal-docs`; a test holds this file equal to it.

`POST /v1/ACTION` with the action's members as a JSON object, over `/run/caisson/netd.sock` (for operators, root and
netd's own user; there the header `X-Caisson-Account` names the account: 12 digits, or `default`) or over TCP, signed with
AWS Signature Version 4 for the service `ec2` (the access key's account). Members and replies are those of the EC2 API of version 2016-11-15, as
`aws ec2 ... --generate-cli-skeleton` and `aws ec2 ... --output json` show them. The CLI has a subcommand per
action: `caisson create-vpc --cidr-block 10.0.0.0/16`.

Errors are `{"Error":{"Code":"...","Message":"..."},"RequestID":"..."}` with EC2's code and HTTP status: 400, but
403 for `MissingAuthenticationToken` and
`UnauthorizedOperation`, 401 for `AuthFailure`, 404 for `NoSuchEntity`, 409 for `EntityAlreadyExists`, `DeleteConflict`
and `LimitExceeded`, 412 for `DryRunOperation`, 503 for `ServiceUnavailable`, 500 for `InternalError`. A reply carries its request's id in
`x-amzn-requestid`. A body has at most 1 MiB and 16 levels.

Every action can fail with `UnknownParameter`, `MissingParameter`, `InvalidParameterValue`,
`InvalidParameterCombination`, and with `.Malformed` and `.NotFound` of the ids that it takes. What belongs to another
account is not found. Over TCP a request can fail with `MissingAuthenticationToken`, `IncompleteSignature`,
`RequestExpired` (more than five minutes from the daemon's time) and `AuthFailure`, whatever it asks for, and with
`UnauthorizedOperation` when it asks for what is for operators alone.
)";

std::string type_name(const Shape& shape) {
  switch (shape.type) {
    case Shape::Type::kString:
      return "string";
    case Shape::Type::kInteger:
      return "integer";
    case Shape::Type::kBoolean:
      return "boolean";
    case Shape::Type::kStructure:
      return "structure";
    case Shape::Type::kList:
      return "list of " + type_name(shape.item.front());
  }
  return "";
}

/// A row for the member and, indented by its path, for those inside.
void add_rows(const Member& member, const std::string& path, std::string& text) {
  const std::string name = path + member.name;
  text += "| `" + name + "` | " + type_name(member.shape) + " | " + (member.required ? "yes" : "") + " | " +
          member.doc + " |\n";
  if (!member.unsupported.empty()) return;
  const bool is_list = member.shape.type == Shape::Type::kList;
  const Shape& inner = is_list ? member.shape.item.front() : member.shape;
  for (const auto& child : inner.members)
    add_rows(child, name + (is_list ? "[]." : "."), text);
}

constexpr const char* kMembers = "| member | type | required | |\n|---|---|---|---|\n";

std::string section(const Operation& operation, const std::string& heading) {
  std::string text = "\n" + heading + " " + operation.name + "\n\n" + operation.doc +
                     (operation.operators_only ? " For operators, over the unix socket." : "") + "\n\n";
  if (!operation.example.empty()) {
    text += "    caisson " + kebab_case(operation.name) + " " + operation.example + "\n\n";
  }
  text += kMembers;
  for (const auto& member : operation.members)
    add_rows(member, "", text);
  return text;
}

}  // namespace

std::string api_docs() {
  std::string text = kIntroduction;
  for (const auto& operation : netd::api::operations()) {
    if (!operation.internal) text += section(operation, "##");
  }
  text +=
      "\n## What the kernel answers\n\nThese are not actions of EC2.\n\n| path | "
      "|\n|---|---|\n";
  for (const auto& inspection : netd::api::inspections()) {
    text += std::string("| `/v1/") + inspection.name + "` | " + inspection.doc +
            (inspection.operators_only ? " For operators." : "") + " |\n";
  }
  text += "| `GET /metrics` | Counters and gauges as Prometheus text. |\n";
  text += "| `GET /healthz` | State of the daemon; status 503 when it is not `ok`. |\n";
  for (const auto& inspection : netd::api::inspections()) {
    if (inspection.members.empty()) continue;
    text += std::string("\n### ") + inspection.name + "\n\n" + kMembers;
    for (const auto& member : inspection.members)
      add_rows(member, "", text);
  }
  text +=
      "\n## Internal operations\n\nAsked by runnerd over the attach socket, stored like the others, refused "
      "over HTTP.\n";
  for (const auto& operation : netd::api::operations()) {
    if (operation.internal) text += section(operation, "###");
  }
  return text;
}

}  // namespace caisson::cli
