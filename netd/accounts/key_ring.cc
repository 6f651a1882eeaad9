#include "netd/accounts/key_ring.hh"

#include <openssl/crypto.h>

#include "vpc/apply/apply.hh"

namespace caisson::netd::accounts {
namespace {

std::string binding(const vpc::AccountId& account, const std::string& access_key_id) {
  return account.text + "/" + access_key_id;
}

}  // namespace

Status KeyRing::check(const vpc::State& state) const {
  for (const auto& [id, key] : state.access_keys) {
    TRY(auto secret, sealer_.unseal(key->sealed_secret, binding(key->account, id)));
    OPENSSL_cleanse(secret.data(), secret.size());
  }
  return ok();
}

Result<std::string> KeyRing::stamp_secret(vpc::StampedCommand& stamped) const {
  TRY(auto secret, make_secret());
  TRY(stamped.sealed_secret,
      sealer_.seal(secret, binding(stamped.account, vpc::access_key_id(stamped.seed))));
  return secret;
}

Result<Signer> KeyRing::find(const vpc::State& state, const std::string& access_key_id,
                             const sigv4::Scope& scope) const {
  const auto found = state.access_keys.find(access_key_id);
  if (found == state.access_keys.end())
    return Error{.code = "UnknownKey", .message = "there is no such access key"};
  const auto& key = found->second;
  TRY(auto secret, sealer_.unseal(key->sealed_secret, binding(key->account, access_key_id)));
  Signer signer{.account = key->account, .key = sigv4::SigningKey::derive(secret, scope)};
  OPENSSL_cleanse(secret.data(), secret.size());
  return signer;
}

}  // namespace caisson::netd::accounts
