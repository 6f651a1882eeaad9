// Which account a request to the function API acts as, when it must be signed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.hh"
#include "base/sigv4/verify.hh"
#include "runner/auth/key_cache.hh"

namespace caisson::runner {

/// Error "UnknownKey", or any other for a failure of ours.
using FindSigner = std::function<Result<Signer>(const std::string& access_key_id, const sigv4::Scope& scope)>;

/// The account whose access key signed the request for the service `lambda` in `region`. `now`: seconds since 1970.
/// Errors: sigv4::refusal()'s in Lambda's dialect; find's own.
Result<std::string> authenticate(const sigv4::Request& request, const std::string& region, std::int64_t now,
                                 const FindSigner& find);

}  // namespace caisson::runner
