// Comparing one value of a policy with one of a request.
#pragma once

#include <string_view>

#include "policies/policy.hh"

namespace caisson::policies {

/// Can a policy write this text as an operand: a number for kNumeric..., an address or block for kIpAddress, true or
/// false for kBool and kNull. All texts for what compares texts.
bool is_operand(Comparison comparison, std::string_view text);

/// Not for kNull, which compares no values. A request's value of another type matches nothing.
bool matches(Comparison comparison, const ResolvedPattern& operand, std::string_view value);

}  // namespace caisson::policies
