#include <gtest/gtest.h>

#include "base/sigv4/sign.hh"
#include "base/sigv4/verify.hh"

namespace caisson::sigv4 {
namespace {

constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::int64_t kNow = 1440938160;  // 20150830T123600Z

/// A request that its owner signs and then changes.
struct Example {
  std::string method = "POST";
  std::string target = "/2015-03-31/functions";
  std::string body = "{}";
  Headers headers{{"host", "127.0.0.1:4751"}, {"content-type", "application/json"}};
  Rules rules{.region = "us-east-1", .service = "lambda", .dialect = Dialect::kLambda};
  std::string secret = kSecret;
  std::int64_t now = kNow;

  [[nodiscard]] Request request() const {
    return {.method = method, .target = target, .headers = headers, .body_sha256 = sha256_hex(body)};
  }
  Example& sign(std::int64_t at = kNow, const std::string& region = "us-east-1",
                const std::string& service = "lambda") {
    const auto added = sigv4::sign(
        request(), {.access_key_id = "AKIDEXAMPLE", .secret_access_key = kSecret, .session_token = {}},
        region, service, at);
    headers.insert(added.begin(), added.end());
    return *this;
  }
  /// In a part of the Authorization header.
  Example& edit(const std::string& from, const std::string& to) {
    std::string& text = headers.at("authorization");
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    return *this;
  }
  [[nodiscard]] Status status() const {
    TRY(const auto claim, read_claim(request(), rules, now));
    return verify(request(), claim, SigningKey::derive(secret, claim.scope), rules);
  }
  [[nodiscard]] std::string code() const {
    const auto done = status();
    return done ? "ok" : done.error().code;
  }
};

// IAM User Guide, "Troubleshoot Signature Version 4: deriving a signing key".
TEST(SigningKey, IsTheOneOfTheGuide) {
  EXPECT_EQ(
      hex(SigningKey::derive(kSecret, {.date = "20120215", .region = "us-east-1", .service = "iam"}).bytes()),
      "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");
}

TEST(Digest, HexIsReadAsItIsWritten) {
  const auto digest = sha256("");
  EXPECT_EQ(hex(digest), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(parse_hex(hex(digest)), digest);
  EXPECT_FALSE(parse_hex(hex(digest).substr(1)));
  EXPECT_FALSE(parse_hex("E" + hex(digest).substr(1)));
}

// AWS's test suite for Signature Version 4, "get-vanilla".
TEST(Verify, TakesTheVanillaRequest) {
  const Headers headers{{"host", "example.amazonaws.com"},
                        {"x-amz-date", "20150830T123600Z"},
                        {"authorization",
                         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                         "SignedHeaders=host;x-amz-date, "
                         "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"}};
  const Request request{.method = "GET", .target = "/", .headers = headers, .body_sha256 = sha256_hex("")};
  const Rules rules{.region = "us-east-1", .service = "service"};
  const auto claim = read_claim(request, rules, kNow);
  ASSERT_TRUE(claim) << claim.error().text();
  EXPECT_EQ(claim.value().access_key_id, "AKIDEXAMPLE");
  EXPECT_TRUE(verify(request, claim.value(), SigningKey::derive(kSecret, claim.value().scope), rules));
}

TEST(Verify, TakesWhatItsKeySigned) {
  EXPECT_EQ(Example().sign().code(), "ok");
  EXPECT_EQ(Example().sign(kNow - kSkewSeconds).code(), "ok");
  EXPECT_EQ(Example().sign(kNow + kSkewSeconds).code(), "ok");
  Example spread;
  spread.headers["x-spread"] = "  a   b ";
  EXPECT_EQ(spread.sign().code(), "ok");
  spread.headers["x-spread"] = "a b";
  EXPECT_EQ(spread.code(), "ok");
  EXPECT_EQ(Example().sign().edit(", Signed", ",Signed").edit(", Signature", ",  Signature").code(), "ok");
}

TEST(Verify, RefusesInLambdasWords) {
  const auto with = [](auto change) {
    Example example;
    example.sign();
    change(example);
    return example;
  };
  const struct {
    const char* name;
    Example example;
    const char* code;
    const char* message;
  } cases[] = {
      {"no header", Example(), "MissingAuthenticationTokenException", "Missing Authentication Token"},
      {"Basic", with([](Example& e) { e.headers["authorization"] = "Basic eA=="; }),
       "IncompleteSignatureException", "AWS4-HMAC-SHA256"},
      {"no parts", with([](Example& e) { e.headers["authorization"] = "AWS4-HMAC-SHA256"; }),
       "IncompleteSignatureException", "algorithm"},
      {"empty parts", with([](Example& e) { e.headers["authorization"] = "AWS4-HMAC-SHA256 ,,"; }),
       "IncompleteSignatureException", "each once"},
      {"no signature", with([](Example& e) { e.edit(", Signature=", ", X="); }),
       "IncompleteSignatureException", "each once"},
      {"signature twice", with([](Example& e) { e.headers["authorization"] += ", Signature=a"; }),
       "IncompleteSignatureException", "each once"},
      {"two Authorization headers",
       with([](Example& e) { e.headers["authorization"] += "," + e.headers["authorization"]; }),
       "IncompleteSignatureException", "each once"},
      {"an odd key id", with([](Example& e) { e.edit("AKIDEXAMPLE", "AKID:'"); }),
       "IncompleteSignatureException", "5 slash-delimited"},
      {"a short scope", with([](Example& e) { e.edit("/aws4_request", ""); }), "IncompleteSignatureException",
       "5 slash-delimited"},
      {"another end", with([](Example& e) { e.edit("aws4_request", "aws5_request"); }),
       "IncompleteSignatureException", "terminator"},
      {"another region", Example().sign(kNow, "eu-west-1"), "InvalidSignatureException",
       "valid region: 'us-east-1'"},
      {"another service", Example().sign(kNow, "us-east-1", "ec2"), "InvalidSignatureException",
       "correct service: 'lambda'"},
      {"another day", with([](Example& e) { e.edit("20150830", "20150829"); }), "InvalidSignatureException",
       "Date in Credential scope"},
      {"late", Example().sign(kNow - kSkewSeconds - 1), "InvalidSignatureException",
       "Signature expired: 20150830T123059Z is now earlier than 20150830T123100Z (20150830T123600Z - 5 "
       "min.)"},
      {"early", Example().sign(kNow + kSkewSeconds + 1), "InvalidSignatureException",
       "Signature not yet current: 20150830T124101Z is still later than 20150830T124100Z (20150830T123600Z + "
       "5 min.)"},
      {"no date", with([](Example& e) {
         e.headers.erase("x-amz-date");
         e.edit(";x-amz-date", "");
       }),
       "IncompleteSignatureException", "X-Amz-Date"},
      {"no such date", with([](Example& e) { e.headers["x-amz-date"] = "20150830T246000Z"; }),
       "IncompleteSignatureException", "ISO-8601"},
      {"host not signed", with([](Example& e) { e.edit("host;", ""); }), "IncompleteSignatureException",
       "'host'"},
      {"names not sorted", with([](Example& e) { e.edit("content-type;host", "host;content-type"); }),
       "IncompleteSignatureException", "sorted"},
      {"a name twice", with([](Example& e) { e.edit("host", "host;host"); }), "IncompleteSignatureException",
       "once"},
      {"an absent header signed", with([](Example& e) { e.edit("host", "host;via"); }),
       "IncompleteSignatureException", "does not have"},
      {"an x-amz header not signed", with([](Example& e) { e.headers["x-amz-target"] = "x"; }),
       "IncompleteSignatureException", "not signed"},
      {"no hash", with([](Example& e) { e.edit("Signature=", "Signature=x"); }), "InvalidSignatureException",
       "does not match"},
      {"upper case", with([](Example& e) {
         std::string& text = e.headers["authorization"];
         const auto digit = text.find_first_of("abcdef", text.find("Signature=") + 10);
         text[digit] = static_cast<char>(text[digit] - 'a' + 'A');
       }),
       "InvalidSignatureException", "does not match"},
      {"another body", with([](Example& e) { e.body = "[]"; }), "InvalidSignatureException",
       "does not match"},
      {"another method", with([](Example& e) { e.method = "PUT"; }), "InvalidSignatureException",
       "does not match"},
      {"another path", with([](Example& e) { e.target += "/f"; }), "InvalidSignatureException",
       "does not match"},
      {"another query", with([](Example& e) { e.target += "?a"; }), "InvalidSignatureException",
       "does not match"},
      {"another host", with([](Example& e) { e.headers["host"] = "localhost"; }), "InvalidSignatureException",
       "does not match"},
      {"another secret", with([](Example& e) { e.secret = "s"; }), "InvalidSignatureException",
       "does not match"},
  };
  for (const auto& c : cases) {
    const auto done = c.example.status();
    ASSERT_FALSE(done) << c.name;
    EXPECT_EQ(done.error().code, c.code) << c.name;
    EXPECT_NE(done.error().message.find(c.message), std::string::npos)
        << c.name << ": " << done.error().message;
  }
}

TEST(Verify, RefusesInEc2sWords) {
  const auto code = [](Example example) {
    example.rules = {.region = "us-east-1", .service = "ec2", .dialect = Dialect::kEc2};
    return example.code();
  };
  EXPECT_EQ(code(Example()), "MissingAuthenticationToken");
  EXPECT_EQ(code(Example().sign(kNow, "us-east-1", "ec2")), "ok");
  EXPECT_EQ(code(Example().sign(kNow - 1000, "us-east-1", "ec2")), "RequestExpired");
  EXPECT_EQ(code(Example().sign(kNow + 1000, "us-east-1", "ec2")), "RequestExpired");
  EXPECT_EQ(code(Example().sign()), "AuthFailure");
  Example changed = Example().sign(kNow, "us-east-1", "ec2");
  changed.body = "x";
  EXPECT_EQ(code(changed), "AuthFailure");
  EXPECT_EQ(code(Example().sign(kNow, "us-east-1", "ec2").edit("Signature=", "X=")), "IncompleteSignature");
  EXPECT_EQ(refusal(Dialect::kEc2, Fault::kUnknownKey, "").code, "AuthFailure");
  EXPECT_EQ(refusal(Dialect::kLambda, Fault::kUnknownKey, "").code, "UnrecognizedClientException");
  EXPECT_EQ(refusal(Dialect::kLambda, Fault::kToken, "").code, "UnrecognizedClientException");
  EXPECT_EQ(refusal(Dialect::kEc2, Fault::kTokenExpired, "").code, "RequestExpired");
  EXPECT_EQ(refusal(Dialect::kLambda, Fault::kTokenExpired, "").code, "ExpiredTokenException");
  EXPECT_EQ(refusal(Dialect::kEc2, Fault::kSession, "").code, "UnauthorizedOperation");
  EXPECT_EQ(refusal(Dialect::kLambda, Fault::kSession, "").code, "AccessDeniedException");
}

TEST(Verify, HoldsTheBodyAgainstItsDeclaredHash) {
  const auto code = [](const std::string& declared, PayloadRule rule) {
    Example example;
    example.headers["x-amz-content-sha256"] = declared;
    example.rules.payload = rule;
    // As a signer does that signs what it declares.
    const Request request{.method = example.method,
                          .target = example.target,
                          .headers = example.headers,
                          .body_sha256 = declared};
    const auto added =
        sign(request, {.access_key_id = "A", .secret_access_key = kSecret, .session_token = {}}, "us-east-1",
             "lambda", kNow);
    example.headers.insert(added.begin(), added.end());
    return example.code();
  };
  EXPECT_EQ(code(sha256_hex("{}"), PayloadRule::kHashed), "ok");
  for (const char* declared : {"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ""}) {
    EXPECT_EQ(code(declared, PayloadRule::kHashed), "InvalidSignatureException") << declared;
    EXPECT_EQ(code(declared, PayloadRule::kDeclared), "ok") << declared;
  }
  EXPECT_EQ(code(sha256_hex("other"), PayloadRule::kHashed), "InvalidSignatureException");
  Example bare;
  bare.rules.payload = PayloadRule::kDeclared;
  EXPECT_EQ(bare.sign().code(), "InvalidSignatureException");
}

TEST(ReadClaim, KnowsDatesInTheDateHeader) {
  for (const char* date : {"20150830T123600Z", "Sun, 30 Aug 2015 12:36:00 GMT"}) {
    Example example;
    example.headers["date"] = date;
    example.sign();
    example.headers.erase("x-amz-date");
    example.edit(";x-amz-date", "");
    const auto claim = read_claim(example.request(), example.rules, kNow);
    ASSERT_TRUE(claim) << claim.error().text();
    EXPECT_EQ(claim.value().time, "20150830T123600Z");
  }
}

TEST(ReadClaim, HandsOutTheSessionToken) {
  Example example;
  const auto added =
      sign(example.request(), {.access_key_id = "ASIA1", .secret_access_key = kSecret, .session_token = "t"},
           "us-east-1", "lambda", kNow);
  example.headers.insert(added.begin(), added.end());
  const auto claim = read_claim(example.request(), example.rules, kNow);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim.value().session_token, "t");
  EXPECT_EQ(example.code(), "ok");
  example.headers["x-amz-security-token"] = "u";
  EXPECT_EQ(example.code(), "InvalidSignatureException");
}

TEST(CanonicalPath, FollowsTheRule) {
  const struct {
    const char* path;
    const char* normalized;
    const char* verbatim;
  } cases[] = {
      {"", "/", "/"},
      {"/", "/", "/"},
      {"/a/../b/./c//d/", "/b/c/d/", "/a/../b/./c//d/"},
      {"/..", "/", "/.."},
      {"/a/..", "/", "/a/.."},
      {"/f%3A1", "/f%253A1", "/f%3A1"},
      {"/f:1", "/f%3A1", "/f%3A1"},
      {"/%", "/%25", "/%25"},
      {"/-._~", "/-._~", "/-._~"},
      {"a/../b", "a/../b", "a/../b"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(canonical_path(c.path, PathRule::kNormalized), c.normalized) << c.path;
    EXPECT_EQ(canonical_path(c.path, PathRule::kVerbatim), c.verbatim) << c.path;
  }
}

TEST(CanonicalQuery, IsSortedAndEscaped) {
  const struct {
    const char* query;
    const char* canonical;
  } cases[] = {{"", ""},
               {"b=2&a=1", "a=1&b=2"},
               {"a=2&a=1", "a=1&a=2"},
               {"a", "a="},
               {"a&&b", "a=&b="},
               {"a=b=c", "a=b%3Dc"},
               {"a=x+y", "a=x%20y"},
               {"a=%2f&A=%2F", "A=%2F&a=%2f"},
               {"Qualifier=$LATEST", "Qualifier=%24LATEST"}};
  for (const auto& c : cases)
    EXPECT_EQ(canonical_query(c.query), c.canonical) << c.query;
}

TEST(Time, IsReadStrictly) {
  EXPECT_EQ(parse_time("20150830T123600Z"), kNow);
  EXPECT_EQ(format_time(kNow), "20150830T123600Z");
  for (const char* bad : {"", "20150830T123600", "20150830 123600Z", "20150631T123600Z", "20150830T123660Z",
                          "2015083OT123600Z", "20150830T123600Z ", "19690101T000000Z"}) {
    EXPECT_EQ(parse_time(bad), -1) << bad;
  }
}

}  // namespace
}  // namespace caisson::sigv4
