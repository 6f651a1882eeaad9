// The texts that EC2 restricts: names and descriptions of security groups and of their rules.
#pragma once

#include <string>

#include "base/result.hh"

namespace caisson::vpc {

/// At most 255 of a-z, A-Z, 0-9, space and ._-:/()#,@[]+=&;{}!$* (CreateSecurityGroup, "GroupDescription").
/// Error InvalidParameterValue, which names `parameter`. Empty is fine.
Status check_text(const std::string& parameter, const std::string& text);

/// ASCII letters only.
std::string lower_case(std::string text);

}  // namespace caisson::vpc
