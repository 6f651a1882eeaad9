// From an access key's id to a key that verifies: the only place where secrets are open, and only for as long as it takes
// to derive one.
#pragma once

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

 private:
  Sealer sealer_;
};

}  // namespace caisson::netd::accounts
