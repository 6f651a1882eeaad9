// From an access key's id to a key that verifies: the only place where secrets are open, and only for as long as it takes
// to derive one.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hh"
#include "base/sigv4/digest.hh"
#include "netd/accounts/sealer.hh"
#include "vpc/model/command.hh"
#include "vpc/model/state.hh"

namespace caisson::netd::accounts {

/// Who signs with a key, and what verifies it within one scope.
struct Signer {
  vpc::AccountId account;
  sigv4::SigningKey key;
};

/// Whose a session is: one execution environment's, of one function.
struct Session {
  vpc::AccountId account;
  std::string function;       ///< its name
  std::string access_key_id;  ///< "ASIA" and 16 characters, of this environment alone
  std::int64_t expires = 0;   ///< seconds since 1970
};

/// What the environment is given.
struct SessionCredentials {
  Session session;
  std::string secret;
  std::string token;  ///< hexadecimal digits
};

struct SessionSigner {
  Session session;
  sigv4::SigningKey key;
};

inline constexpr std::int64_t kLongestSessionSeconds = 12 * 3600;

/// Thread-safe.
class KeyRing {
 public:
  explicit KeyRing(Sealer sealer) : sealer_(std::move(sealer)) {}

  /// Error KeyFile when a key of `state` does not open: then no key may be trusted to be what it was.
  [[nodiscard]] Status check(const vpc::State& state) const;

  /// A new secret for the access key that a CreateAccessKey with this stamp makes; fills in what is sealed of it.
  Result<std::string> stamp_secret(vpc::StampedCommand& stamped) const;

  /// Error UnknownKey.
  [[nodiscard]] Result<Signer> find(const vpc::State& state, const std::string& access_key_id,
                                    const sigv4::Scope& scope) const;

  /// New credentials, valid from now on for `seconds`, at most kLongestSessionSeconds. Nothing is kept: the token is what we
  /// state of the session and its secret, sealed, and comes back with each request. `now` is in seconds since 1970.
  /// Errors: NoSuchEntity for the account; KeyFile when the kernel has no random bytes.
  [[nodiscard]] Result<SessionCredentials> mint(const vpc::State& state, const vpc::AccountId& account,
                                                const std::string& function, std::int64_t now,
                                                std::int64_t seconds) const;

  /// Whose session a token states, and what verifies its signatures within one scope. Errors: InvalidClientTokenId for a
  /// token that we did not make for this access key, or of an account that has ceased to be; ExpiredToken.
  [[nodiscard]] Result<SessionSigner> find_session(const vpc::State& state, const std::string& access_key_id,
                                                   const std::string& token, const sigv4::Scope& scope,
                                                   std::int64_t now) const;

 private:
  Sealer sealer_;
};

}  // namespace caisson::netd::accounts
