// DescribeFlows: which of the flows that the kernel holds, and how many at a time. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "base/result.hh"
#include "netd/api/operations.hh"

namespace caisson::netd::api {

/// Filters, MaxResults, NextToken.
std::vector<Member> flows_members();

/// Of `reply`, all flows of an account, those that the filters admit, in an order that does not depend on the kernel's,
/// and of them one page: {"Flows": [...], "NextToken": "..."}; the token only when there is more. A flow that comes or
/// goes between two pages is in one or none of them; the others are in one. `parameters` have passed check_parameters().
/// Errors: InvalidParameterValue, FilterLimitExceeded, InvalidNextToken.
Result<Json> page_of_flows(Json reply, const Json& parameters);

}  // namespace caisson::netd::api
