#include "endpoints/proxy/judge.hh"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/sigv4/sign.hh"
#include "base/sigv4/verify.hh"
#include "endpoints/proxy/forward.hh"

namespace caisson::endpoints {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;
constexpr const char* kAccount = "111122223333";

std::vector<Service> services() {
  std::vector<Service> all;
  for (const char* name : {"s3.json", "dynamodb.json"}) {
    std::ostringstream text;
    text << std::ifstream(std::string(CAISSON_SERVICES) + name).rdbuf();
    all.push_back(parse_service(text.str(), "us-east-1").value());
  }
  return all;
}

const Client kClient{.account = kAccount,
                     .vpc = "vpc-1",
                     .endpoint = "vpce-1",
                     .service = "",
                     .eni = "eni-1",
                     .function = "resize",
                     .private_address = "10.0.0.5"};

/// A request, signed as S3's clients do it; the case may change it afterwards.
struct Example {
  std::string method = "PUT";
  std::string host = "s3.us-east-1.amazonaws.com";
  std::string target = "/photos/cat.jpg";
  sigv4::Headers headers;
  std::string service = "s3";
  std::string payload = "UNSIGNED-PAYLOAD";
  std::string body;
  std::string key = "ASIASESSION";
  std::string token = "token";
  std::string policy = std::string(policies::default_document());
  Client client = kClient;
  std::optional<std::uint64_t> length = 3;

  Judgement judged(const std::function<void(RequestHead&)>& change = nullptr) const {
    sigv4::Headers all = headers;
    all["host"] = host;
    if (service == "s3") all["x-amz-content-sha256"] = payload;
    const sigv4::Request request{.method = method,
                                 .target = target,
                                 .headers = all,
                                 .body_sha256 = service == "s3" ? payload : sigv4::sha256_hex(body)};
    const auto path = service == "s3" ? sigv4::PathRule::kVerbatim : sigv4::PathRule::kNormalized;
    const auto added = sigv4::sign(request, {key, "secret", token}, "us-east-1", service, kNow, path);
    all.insert(added.begin(), added.end());
    Question question{.head = {.method = method, .host = host, .target = target, .headers = all},
                      .body = body,
                      .content_length = length,
                      .chunked = false,
                      .secure = true,
                      .now = kNow};
    if (change) change(question.head);
    return judge(known, "us-east-1", sources(), client, question);
  }

  [[nodiscard]] Sources sources() const {
    const auto parsed = std::make_shared<const policies::Policy>(policies::parse_policy(policy).value());
    return {
        .resolve = nullptr,
        .key = [](const std::string& id, const std::string& given, const sigv4::Scope& scope) -> Result<Key> {
          if (given == "ended") return Error{.code = "ExpiredToken"};
          if (id == "DOWN") return Error{.code = "ECONNREFUSED", .errno_value = 111};
          if (id == "ASIASESSION" && given != "token") return Error{.code = "InvalidClientTokenId"};
          if (id != "ASIASESSION" && id != "AKIDACCOUNT") return Error{.code = "NotFound"};
          return Key{.account = kAccount,
                     .signing_key = sigv4::SigningKey::derive("secret", scope),
                     .function = id == "ASIASESSION" ? "resize" : ""};
        },
        .policy = [parsed](const std::string&) -> Result<PolicyPointer> { return parsed; },
        .backend = [](const std::string&, const std::string&) -> Result<Backend> {
          return Backend{.address = "127.0.0.1", .port = 4568, .credentials = {"BACKEND", "its secret", ""}};
        }};
  }

  std::vector<Service> known = services();
};

std::string code(const Judgement& judgement) {
  return judgement.forward ? "" : std::to_string(judgement.refusal.status) + " " + judgement.refusal.code;
}

TEST(Judge, SignsAnewForTheBackend) {
  Example example;
  example.host = "photos.s3.us-east-1.amazonaws.com";
  example.target = "/a%20b?partNumber=1&uploadId=x";
  example.headers = {{"content-type", "image/jpeg"}, {"x-amz-meta-a", "1"}};
  const auto judgement = example.judged();
  ASSERT_EQ(code(judgement), "");
  const auto& forward = *judgement.forward;
  EXPECT_EQ(forward.target, "/photos/a%20b?partNumber=1&uploadId=x");
  EXPECT_EQ(forward.content_length, 3U);
  EXPECT_EQ(forward.headers.at("host"), "127.0.0.1:4568");
  EXPECT_EQ(forward.headers.at("content-type"), "image/jpeg");
  EXPECT_EQ(forward.headers.at("x-amz-meta-a"), "1");
  EXPECT_FALSE(forward.headers.contains("x-amz-security-token"));
  // As the backend verifies it.
  const sigv4::Rules rules{.region = "us-east-1",
                           .service = "s3",
                           .dialect = sigv4::Dialect::kS3,
                           .path = sigv4::PathRule::kVerbatim,
                           .payload = sigv4::PayloadRule::kDeclared};
  const sigv4::Request request{
      .method = "PUT", .target = forward.target, .headers = forward.headers, .body_sha256 = ""};
  const auto claim = sigv4::read_claim(request, rules, kNow);
  ASSERT_TRUE(claim) << claim.error().text();
  EXPECT_EQ(claim.value().access_key_id, "BACKEND");
  EXPECT_TRUE(sigv4::verify(request, claim.value(),
                            sigv4::SigningKey::derive("its secret", claim.value().scope), rules));
}

TEST(Judge, NothingOfTheClientsSaysWhoItIs) {
  Example example;
  const std::vector<std::string> lies{"x-forwarded-for",
                                      "forwarded",
                                      "via",
                                      "x-caisson-account",
                                      "x-amz-vpce-id",
                                      "x-real-ip",
                                      "x-forwarded-host",
                                      "te",
                                      "proxy-authorization",
                                      "connection",
                                      "upgrade",
                                      "expect"};
  for (const auto& lie : lies)
    example.headers[lie] = "vpce-other";
  example.policy = R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*",
      "Condition":{"StringEquals":{"aws:SourceVpce":"vpce-1","aws:SourceVpc":"vpc-1","aws:VpcSourceIp":"10.0.0.5"}}}]})";
  const auto judgement = example.judged();
  ASSERT_EQ(code(judgement), "");
  for (const auto& lie : lies)
    EXPECT_FALSE(judgement.forward->headers.contains(lie)) << lie;
  example.client.endpoint = "vpce-2";
  EXPECT_EQ(code(example.judged()), "403 AccessDenied");
}

TEST(Judge, RefusesInTheServicesWords) {
  const auto with = [](auto change) {
    Example example;
    change(example);
    return code(example.judged());
  };
  EXPECT_EQ(with([](Example&) {}), "");
  EXPECT_EQ(with([](Example& e) { e.token = "other"; }), "400 InvalidToken");
  EXPECT_EQ(with([](Example& e) { e.token = "ended"; }), "400 ExpiredToken");
  EXPECT_EQ(with([](Example& e) { e.key = "OTHER"; }), "403 InvalidAccessKeyId");
  EXPECT_EQ(with([](Example& e) { e.key = "DOWN"; }), "500 InternalError");
  EXPECT_EQ(with([](Example& e) { e.payload = "x"; }), "400 InvalidArgument");
  EXPECT_EQ(with([](Example& e) { e.host = "example.org"; }), "400 InvalidRequest");
  EXPECT_EQ(with([](Example& e) { e.client.service = "dynamodb"; }), "400 InvalidRequest");
  EXPECT_EQ(with([](Example& e) { e.target = "/photos/x?acl"; }), "501 NotImplemented");
  EXPECT_EQ(with([](Example& e) { e.payload = sigv4::sha256_hex("a"), e.length = 0; }),
            "400 XAmzContentSHA256Mismatch");
  EXPECT_EQ(with([](Example& e) { e.payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"; }),
            "411 MissingContentLength");
  const Example example;
  EXPECT_EQ(code(example.judged([](RequestHead& head) { head.target = "/photos/dog.jpg"; })),
            "403 SignatureDoesNotMatch");
  EXPECT_EQ(code(example.judged([](RequestHead& head) { head.headers.erase("authorization"); })),
            "403 AccessDenied");
}

TEST(Judge, TellsWhichStatementDecided) {
  Example example;
  example.policy = R"({"Statement":[
      {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/resize"},"Action":"s3:*","Resource":"*"},
      {"Sid":"NoDogs","Effect":"Deny","Principal":"*","Action":"*","Resource":"arn:aws:s3:::photos/dog*"}]})";
  auto judgement = example.judged();
  EXPECT_EQ(judgement.decision + " " + judgement.statement, "Allow #0");
  EXPECT_EQ(judgement.action + " " + judgement.resource, "s3:PutObject arn:aws:s3:::photos/cat.jpg");
  example.target = "/photos/dog.jpg";
  judgement = example.judged();
  EXPECT_EQ(code(judgement), "403 AccessDenied");
  EXPECT_EQ(judgement.decision + " " + judgement.statement, "Deny NoDogs");
  EXPECT_NE(judgement.refusal.message.find("with an explicit deny in a VPC endpoint policy"),
            std::string::npos);
  // The account's own key is no session of the role.
  example.target = "/photos/cat.jpg";
  example.key = "AKIDACCOUNT";
  example.token = "";
  judgement = example.judged();
  EXPECT_EQ(code(judgement), "403 AccessDenied");
  EXPECT_EQ(judgement.decision + " " + judgement.statement, "Deny ");
}

TEST(Judge, DynamoDbHasItsOwnWordsAndItsBodyIsSigned) {
  Example example;
  example.method = "POST";
  example.host = "dynamodb.us-east-1.amazonaws.com";
  example.target = "/";
  example.service = "dynamodb";
  example.headers = {{"x-amz-target", "DynamoDB_20120810.GetItem"}};
  example.body = R"({"TableName":"cats","Key":{}})";
  const auto allowed = example.judged();
  EXPECT_EQ(code(allowed), "");
  EXPECT_EQ(allowed.resource, "arn:aws:dynamodb:us-east-1:111122223333:table/cats");
  example.policy = R"({"Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]})";
  const auto denied = example.judged();
  EXPECT_EQ(code(denied), "400 AccessDeniedException");
  const auto error = error_body(denied.service, denied.refusal, denied.resource, "id");
  EXPECT_EQ(error.content_type, "application/x-amz-json-1.0");
  EXPECT_EQ(error.body.find(
                R"({"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException","message":"User: )"),
            0U)
      << error.body;
}

TEST(ErrorBody, EscapesWhatTheClientWrote) {
  const auto error =
      error_body(nullptr, {.status = 400, .code = "InvalidURI", .message = "<a>&\n"}, "x<y", "id");
  EXPECT_EQ(error.content_type, "application/xml");
  EXPECT_NE(error.body.find(
                "<Message>&lt;a&gt;&amp; </Message><Resource>x&lt;y</Resource><RequestId>id</RequestId>"),
            std::string::npos)
      << error.body;
}

TEST(BackendHeaders, TakeTheCodingOffThatWasDecoded) {
  const auto all = services();
  const auto encoding = [&](const std::string& given) {
    const RequestHead head{
        .method = "PUT", .host = "h", .target = "/", .headers = {{"content-encoding", given}}};
    const auto headers =
        backend_headers(all.front(), head, "/", {"127.0.0.1", 1, {}}, "r", "UNSIGNED-PAYLOAD", kNow);
    return headers.contains("content-encoding") ? headers.at("content-encoding") : "";
  };
  EXPECT_EQ(encoding("aws-chunked"), "");
  EXPECT_EQ(encoding("aws-chunked, gzip"), "gzip");
  EXPECT_EQ(encoding("gzip,aws-chunked"), "gzip");
}

}  // namespace
}  // namespace caisson::endpoints
