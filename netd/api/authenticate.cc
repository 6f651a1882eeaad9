#include "netd/api/authenticate.hh"

#include <algorithm>

#include "base/sigv4/verify.hh"
#include "netd/api/resources.hh"
#include "vpc/apply/apply.hh"

namespace caisson::netd::api {
namespace {

Result<vpc::AccountId> named_account(const std::string& header) {
  if (header.empty() || header == "default") return vpc::AccountId{vpc::kDefaultAccountId};
  const bool digits = std::all_of(header.begin(), header.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (header.size() != 12 || !digits) {
    return Error{.code = "InvalidParameterValue",
                 .message = "X-Caisson-Account must be 12 digits or `default`"};
  }
  return vpc::AccountId{header};
}

/// A function's own credentials are for services behind endpoints. Nothing says yet what else they may do, so here they may
/// do nothing; who is told so is who signed with them.
Error refuse_session(const sigv4::Request& request, const sigv4::Claim& claim, const sigv4::Rules& rules,
                     std::int64_t now, const core::Backend& backend) {
  const auto signer = backend.find_session(claim.access_key_id, claim.session_token, claim.scope, now);
  if (!signer) {
    const bool expired = signer.error().code == "ExpiredToken";
    return sigv4::refusal(rules.dialect, expired ? sigv4::Fault::kTokenExpired : sigv4::Fault::kToken, "");
  }
  const Status verified = sigv4::verify(request, claim, signer.value().key, rules);
  if (!verified) return verified.error();
  return sigv4::refusal(rules.dialect, sigv4::Fault::kSession,
                        "The credentials of a function are not accepted here.");
}

Result<vpc::AccountId> signer_of(const http::Request& request, const core::Backend& backend) {
  const sigv4::Rules rules{.region = kRegion, .service = "ec2", .dialect = sigv4::Dialect::kEc2};
  const sigv4::Request signed_request{.method = request.method,
                                      .target = request.target,
                                      .headers = request.headers,
                                      .body_sha256 = sigv4::sha256_hex(request.body)};
  TRY(const auto claim, sigv4::read_claim(signed_request, rules, request.received));
  if (!claim.session_token.empty())
    return refuse_session(signed_request, claim, rules, request.received, backend);
  const auto signer = backend.find_signer(claim.access_key_id, claim.scope);
  if (!signer && signer.error().code == "UnknownKey") {
    return sigv4::refusal(rules.dialect, sigv4::Fault::kUnknownKey, "");
  }
  if (!signer) return signer.error();
  TRYV(sigv4::verify(signed_request, claim, signer.value().key, rules));
  return signer.value().account;
}

}  // namespace

Result<vpc::AccountId> authenticate(const http::Request& request, const core::Backend& backend) {
  if (!request.operator_socket) return signer_of(request, backend);
  TRY(auto account, named_account(request.header("x-caisson-account")));
  TRYV(vpc::check_account(*backend.snapshot(), account));
  return account;
}

}  // namespace caisson::netd::api
