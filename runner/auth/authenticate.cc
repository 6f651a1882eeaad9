#include "runner/auth/authenticate.hh"

namespace caisson::runner {

Result<std::string> authenticate(const sigv4::Request& request, const std::string& region, std::int64_t now,
                                 const FindSigner& find) {
  const sigv4::Rules rules{.region = region, .service = "lambda", .dialect = sigv4::Dialect::kLambda};
  TRY(const auto claim, sigv4::read_claim(request, rules, now));
  // Long-term keys have no token. The keys of sessions may do nothing here, whosoever's they are.
  if (!claim.session_token.empty()) {
    const bool session = claim.access_key_id.starts_with("ASIA");
    return sigv4::refusal(rules.dialect, session ? sigv4::Fault::kSession : sigv4::Fault::kToken,
                          "The credentials of a function are not accepted here.");
  }
  const auto signer = find(claim.access_key_id, claim.scope);
  if (!signer && signer.error().code == "UnknownKey") {
    return sigv4::refusal(rules.dialect, sigv4::Fault::kUnknownKey, "");
  }
  if (!signer) return signer.error();
  TRYV(sigv4::verify(request, claim, signer.value().key, rules));
  return signer.value().account;
}

}  // namespace caisson::runner
