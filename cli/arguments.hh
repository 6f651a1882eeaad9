// From the words of a command line to the JSON of a request, by the shapes of the operations table.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "netd/api/operations.hh"

namespace caisson::cli {

using Json = nlohmann::json;

/// "CreateVpc" is "create-vpc", "CidrBlock" is "cidr-block".
std::string kebab_case(const std::string& name);

/// The value of one option: `words` are what stood behind it. Lists of strings are words; structures and
/// lists of structures are JSON or the AWS CLI's shorthand (AWS CLI User Guide, "Using shorthand syntax").
/// Error Usage.
Result<Json> value_of(const netd::api::Shape& shape, const std::vector<std::string>& words);

/// --protocol, --port, --cidr and --source-group, as `aws ec2 authorize-security-group-ingress` has them.
struct RuleWords {
  std::string protocol;
  std::string port;  ///< "5432", "8000-8100", "-1" or "all"; ICMP: "type" or "type-code"
  std::string cidr;
  std::string source_group;
  [[nodiscard]] bool any() const {
    return !protocol.empty() || !port.empty() || !cidr.empty() || !source_group.empty();
  }
};
/// IpPermissions with the one permission that the words name. Error Usage.
Result<Json> permission_of(const RuleWords& words);

}  // namespace caisson::cli
