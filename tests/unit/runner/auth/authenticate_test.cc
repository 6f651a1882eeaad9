#include "runner/auth/authenticate.hh"

#include <gtest/gtest.h>

#include "base/sigv4/sign.hh"

namespace caisson::runner {
namespace {

constexpr std::int64_t kNow = 1440938160;

struct Asked {
  std::string key;
  sigv4::Scope scope;
};

/// The account, or the error's code.
std::string ask(const std::string& key, const std::string& secret, const std::string& token,
                Asked* asked = nullptr) {
  sigv4::Headers headers{{"host", "h"}};
  const auto make = [&] {
    return sigv4::Request{
        .method = "GET", .target = "/x?a=1", .headers = headers, .body_sha256 = sigv4::sha256_hex("")};
  };
  const auto added =
      sigv4::sign(make(), {.access_key_id = key, .secret_access_key = secret, .session_token = token},
                  "us-east-1", "lambda", kNow);
  headers.insert(added.begin(), added.end());
  const auto account = authenticate(
      make(), "us-east-1", kNow, [&](const std::string& id, const sigv4::Scope& scope) -> Result<Signer> {
        if (asked != nullptr) *asked = {id, scope};
        if (id == "DOWN") return Error{.code = "ECONNREFUSED", .errno_value = 111};
        if (id != "KNOWN") return Error{.code = "UnknownKey"};
        return Signer{.account = "111122223333", .key = sigv4::SigningKey::derive("secret", scope)};
      });
  return account ? account.value() : account.error().code;
}

TEST(Authenticate, SaysWhoSigned) {
  Asked asked;
  EXPECT_EQ(ask("KNOWN", "secret", "", &asked), "111122223333");
  EXPECT_EQ(asked.key, "KNOWN");
  EXPECT_EQ(asked.scope, (sigv4::Scope{.date = "20150830", .region = "us-east-1", .service = "lambda"}));
}

TEST(Authenticate, RefusesInLambdasWords) {
  EXPECT_EQ(ask("KNOWN", "other", ""), "InvalidSignatureException");
  EXPECT_EQ(ask("OTHER", "secret", ""), "UnrecognizedClientException");
  EXPECT_EQ(ask("KNOWN", "secret", "token"), "UnrecognizedClientException");
  EXPECT_EQ(ask("ASIAKNOWN", "secret", "token"), "AccessDeniedException");
  // What is ours is no word on the signature.
  EXPECT_EQ(ask("DOWN", "secret", ""), "ECONNREFUSED");
}

}  // namespace
}  // namespace caisson::runner
