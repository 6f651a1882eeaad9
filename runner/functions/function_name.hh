// The forms in which the API accepts a function's name ("Lambda API reference, FunctionName").
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hh"

namespace caisson::runner {

struct FunctionName {
  std::string name;
  std::string account;    ///< empty unless the form has one
  std::string region;     ///< empty unless the form has one
  std::string qualifier;  ///< "$LATEST", a version or an alias; empty: none given
};

/// "name[:q]", "account:function:name[:q]", "region:account:function:name[:q]",
/// "arn:aws:lambda:region:account:function:name[:q]". Anything else is a ValidationException.
Result<FunctionName> parse_function_name(std::string_view text);

/// 1..64 of [a-zA-Z0-9-_]
bool is_function_name(std::string_view text);

/// Joins the name's qualifier and that of `?Qualifier=`: InvalidParameterValueException when they differ.
Result<std::string> join_qualifiers(const std::string& in_name, const std::string& in_query);

}  // namespace caisson::runner
