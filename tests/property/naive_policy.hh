// What a policy says of a request, read straight from its JSON by the rules of the IAM User Guide: slow, linear, and with
// nothing of policies/ but the request's type, so that the two can be held against each other.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "policies/evaluate.hh"

namespace caisson::test {

/// `document` is one that parse_policy() takes.
policies::Verdict naive_verdict(const nlohmann::json& document, const policies::Request& request);

}  // namespace caisson::test
