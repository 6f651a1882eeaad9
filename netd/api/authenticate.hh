// Which account a request acts as.
#pragma once

#include "netd/api/dispatch.hh"

namespace caisson::netd::api {

/// An operator (http::Request::operator_socket) acts as the account that X-Caisson-Account names, else as `default`;
/// everybody else as the account whose access key signed the request.
/// Errors: InvalidParameterValue and NoSuchEntity for X-Caisson-Account, sigv4::refusal()'s for signatures.
Result<vpc::AccountId> authenticate(const http::Request& request, const core::Backend& backend);

}  // namespace caisson::netd::api
