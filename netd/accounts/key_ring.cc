#include "netd/accounts/key_ring.hh"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <vector>

#include "vpc/apply/apply.hh"

namespace caisson::netd::accounts {
namespace {

std::string binding(const vpc::AccountId& account, const std::string& access_key_id) {
  return account.text + "/" + access_key_id;
}

/// What a session's token is bound to, in words that no binding of an access key has.
std::string session_binding(const std::string& access_key_id) {
  return "session/" + access_key_id;
}

// The version, when it expires, account, function and secret, a line each. None of them can hold the separator: the two
// names are checked by their APIs, and what was sealed by us opens unchanged or not at all.
constexpr char kSeparator = '\n';
constexpr std::string_view kVersion = "1";
constexpr std::size_t kFields = 5;

std::string statement(const Session& session, const std::string& secret) {
  std::string text(kVersion);
  for (const auto& field :
       {std::to_string(session.expires), session.account.text, session.function, secret}) {
    text += kSeparator;
    text += field;
  }
  return text;
}

Error invalid_token() {
  return {.code = "InvalidClientTokenId",
          .message = "The security token included in the request is invalid."};
}

struct Statement {
  Session session;
  std::string secret;
};

Result<Statement> read_statement(const std::string& text, const std::string& access_key_id) {
  std::array<std::string, kFields> fields;
  std::string_view rest = text;
  for (auto& field : fields) {
    const auto end = std::min(rest.find(kSeparator), rest.size());
    field = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  auto& [version, expires, account, function, secret] = fields;
  Statement read{
      .session = {.account = {account}, .function = function, .access_key_id = access_key_id, .expires = 0},
      .secret = secret};
  OPENSSL_cleanse(secret.data(), secret.size());
  const auto* end = expires.data() + expires.size();
  const auto number = std::from_chars(expires.data(), end, read.session.expires);
  if (version != kVersion || number.ec != std::errc() || number.ptr != end) return invalid_token();
  return read;
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

Result<SessionCredentials> KeyRing::mint(const vpc::State& state, const vpc::AccountId& account,
                                         const std::string& function, std::int64_t now,
                                         std::int64_t seconds) const {
  TRYV(vpc::check_account(state, account));
  TRY(const auto id, make_session_key_id());
  SessionCredentials made{
      .session = {.account = account,
                  .function = function,
                  .access_key_id = id,
                  .expires = now + std::clamp<std::int64_t>(seconds, 0, kLongestSessionSeconds)},
      .secret = {},
      .token = {}};
  TRY(made.secret, make_secret());
  std::string text = statement(made.session, made.secret);
  auto sealed = sealer_.seal(text, session_binding(id));
  OPENSSL_cleanse(text.data(), text.size());
  TRY(made.token, std::move(sealed));
  return made;
}

Result<SessionSigner> KeyRing::find_session(const vpc::State& state, const std::string& access_key_id,
                                            const std::string& token, const sigv4::Scope& scope,
                                            std::int64_t now) const {
  auto opened = sealer_.unseal(token, session_binding(access_key_id));
  if (!opened) return invalid_token();
  auto read = read_statement(opened.value(), access_key_id);
  OPENSSL_cleanse(opened.value().data(), opened.value().size());
  TRY(auto stated, std::move(read));
  SessionSigner signer{.session = stated.session, .key = sigv4::SigningKey::derive(stated.secret, scope)};
  OPENSSL_cleanse(stated.secret.data(), stated.secret.size());
  if (!vpc::check_account(state, stated.session.account)) return invalid_token();
  if (now >= stated.session.expires) {
    return Error{.code = "ExpiredToken", .message = "The security token included in the request is expired"};
  }
  return signer;
}

}  // namespace caisson::netd::accounts
