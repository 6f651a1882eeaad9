#include "runner/api/lambda_api.hh"

#include <nlohmann/json.hpp>

#include "runner/functions/base64.hh"
#include "tests/unit/runner/invoke/fixture.hh"

namespace caisson::runner {
namespace {

using Json = nlohmann::json;

class LambdaApiTest : public DeployerFixture {
 protected:
  HttpResponse send(const std::string& method, const std::string& target, const std::string& body = {},
                    const std::map<std::string, std::string>& headers = {}, bool operator_socket = true) {
    return api_.handle({.method = method,
                        .target = target,
                        .headers = headers,
                        .body = body,
                        .operator_socket = operator_socket});
  }
  static std::string header(const HttpResponse& response, const std::string& name) {
    for (const auto& [known, value] : response.headers) {
      if (known == name) return value;
    }
    return {};
  }
  static std::string error_type(const HttpResponse& response) { return header(response, "x-amzn-ErrorType"); }
  static std::string create_body(const std::string& name) {
    return Json{{"FunctionName", name},
                {"Runtime", "python3.11"},
                {"Handler", "app.handler"},
                {"Role", "arn:aws:iam::000000000001:role/r"},
                {"Environment", {{"Variables", {{"KEY", "value"}}}}},
                {"Code", {{"ZipFile", encode_base64("zip")}}}}
        .dump();
  }
  void create_active(const std::string& name) {
    ASSERT_EQ(send("POST", "/2015-03-31/functions", create_body(name)).status, 201U);
    run_background();
  }

  Invoker invoker_{*deployer_, *pool_, {}};
  LambdaApi api_{{.registry = *registry_,
                  .deployer = *deployer_,
                  .invoker = invoker_,
                  .region = "us-east-1",
                  .offer = {.runtimes = {"python3.11"}},
                  .authenticate = [](const HttpRequest& request) -> Result<std::string> {
                    if (request.header("authorization") == "good") return std::string("000000000001");
                    return Error{.code = "MissingAuthenticationTokenException", .message = "no token"};
                  },
                  .metrics = [] { return std::string("caisson_up 1\n"); },
                  .health = [] { return std::string("{}"); },
                  .count = [](const std::string&, unsigned) {}}};
};

TEST_F(LambdaApiTest, CreateGetListDelete) {
  const HttpResponse created = send("POST", "/2015-03-31/functions/", create_body("f"));
  ASSERT_EQ(created.status, 201U) << created.body;
  const Json configuration = Json::parse(created.body);
  EXPECT_EQ(configuration.at("FunctionArn"), "arn:aws:lambda:us-east-1:000000000001:function:f");
  EXPECT_EQ(configuration.at("State"), "Pending");
  EXPECT_EQ(configuration.at("CodeSize"), 3);
  EXPECT_EQ(configuration.at("Environment").at("Variables").at("KEY"), "value");
  run_background();
  const Json got = Json::parse(send("GET", "/2015-03-31/functions/f").body);
  EXPECT_EQ(got.at("Configuration").at("State"), "Active");
  EXPECT_EQ(got.at("Configuration").at("LastUpdateStatus"), "Successful");
  const Json listed = Json::parse(send("GET", "/2015-03-31/functions/").body);
  EXPECT_EQ(listed.at("Functions").size(), 1U);
  EXPECT_FALSE(listed.at("Functions")[0].contains("State"));
  EXPECT_EQ(send("DELETE", "/2015-03-31/functions/f").status, 204U);
  const HttpResponse gone = send("GET", "/2015-03-31/functions/f/configuration");
  EXPECT_EQ(gone.status, 404U);
  EXPECT_EQ(error_type(gone), "ResourceNotFoundException");
}

TEST_F(LambdaApiTest, AllFormsOfTheNameReachTheFunction) {
  create_active("f");
  for (const char* name :
       {"f", "f%3A%24LATEST", "000000000001%3Afunction%3Af",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000001%3Afunction%3Af", "f?Qualifier=%24LATEST"}) {
    EXPECT_EQ(send("GET", std::string("/2015-03-31/functions/") + name).status, 200U) << name;
  }
  const Json qualified = Json::parse(send("GET", "/2015-03-31/functions/f%3A%24LATEST").body);
  EXPECT_EQ(qualified.at("Configuration").at("FunctionArn"),
            "arn:aws:lambda:us-east-1:000000000001:function:f:$LATEST");
  const std::pair<const char*, const char*> errors[] = {
      {"f:7", "ResourceNotFoundException"},
      {"000000000002:function:f", "ResourceNotFoundException"},
      {"eu-west-1:000000000001:function:f", "ResourceNotFoundException"},
      {"f%20g", "ValidationException"},
      {"f%zz", "InvalidParameterValueException"},
      {"f:7?Qualifier=8", "InvalidParameterValueException"}};
  for (const auto& [name, code] : errors) {
    EXPECT_EQ(error_type(send("GET", std::string("/2015-03-31/functions/") + name)), code) << name;
  }
}

TEST_F(LambdaApiTest, ListsInPages) {
  for (const char* name : {"a", "b", "c"})
    create(name);
  const Json first = Json::parse(send("GET", "/2015-03-31/functions?MaxItems=2").body);
  EXPECT_EQ(first.at("Functions").size(), 2U);
  const std::string marker = first.at("NextMarker");
  const Json second = Json::parse(send("GET", "/2015-03-31/functions?MaxItems=2&Marker=" + marker).body);
  EXPECT_EQ(second.at("Functions").size(), 1U);
  EXPECT_TRUE(second.at("NextMarker").is_null());
  EXPECT_EQ(send("GET", "/2015-03-31/functions?MaxItems=0").status, 400U);
  EXPECT_EQ(send("GET", "/2015-03-31/functions?Marker=%25").status, 400U);
}

TEST_F(LambdaApiTest, ListsAtMostFifty) {
  for (int i = 0; i < 51; ++i)
    create("f" + std::to_string(i));
  const Json page = Json::parse(send("GET", "/2015-03-31/functions?MaxItems=10000").body);
  EXPECT_EQ(page.at("Functions").size(), 50U);
  EXPECT_TRUE(page.at("NextMarker").is_string());
}

TEST_F(LambdaApiTest, InvokeAnswersWithLambdasHeaders) {
  create_active("f");
  const std::string target = "/2015-03-31/functions/f/invocations";
  factory_.on_invoke = [](const Invocation& invocation) {
    return Outcome{.payload = "[" + invocation.payload + "]", .log = "said\n"};
  };
  const HttpResponse reply =
      send("POST", target, "1", {{"x-amz-log-type", "Tail"}, {"x-amzn-trace-id", "Root=1"}});
  EXPECT_EQ(reply.status, 200U);
  EXPECT_EQ(reply.body, "[1]");
  EXPECT_EQ(header(reply, "X-Amz-Executed-Version"), "$LATEST");
  EXPECT_EQ(header(reply, "X-Amzn-Trace-Id"), "Root=1");
  EXPECT_EQ(header(reply, "X-Amz-Function-Error"), "");
  EXPECT_NE(decode_base64(header(reply, "X-Amz-Log-Result"))->find("said\n"), std::string::npos);
  EXPECT_EQ(send("POST", target, "").body, "[{}]");
  factory_.on_invoke = [](const Invocation&) {
    return Outcome{.kind = Outcome::Kind::kError, .payload = "{}"};
  };
  const HttpResponse failed = send("POST", target);
  EXPECT_EQ(failed.status, 200U);
  EXPECT_EQ(header(failed, "X-Amz-Function-Error"), "Unhandled");
}

TEST_F(LambdaApiTest, InvocationTypes) {
  create_active("f");
  const std::string target = "/2015-03-31/functions/f/invocations";
  EXPECT_EQ(send("POST", target, "", {{"x-amz-invocation-type", "DryRun"}}).status, 204U);
  EXPECT_TRUE(factory_.started.empty());
  const HttpResponse event = send("POST", target, "", {{"x-amz-invocation-type", "Event"}});
  EXPECT_EQ(error_type(event), "InvalidParameterValueException");
  EXPECT_NE(event.body.find("RequestResponse and DryRun"), std::string::npos);
  EXPECT_EQ(error_type(send("POST", target, "", {{"x-amz-invocation-type", "Other"}})),
            "InvalidParameterValueException");
  EXPECT_EQ(error_type(send("POST", target, "{")), "InvalidRequestContentException");
  EXPECT_EQ(error_type(send("POST", target, "{}", {{"x-amz-client-context", "%"}})),
            "InvalidRequestContentException");
  EXPECT_EQ(send("POST", target, "{}", {{"x-amz-invocation-type", "RequestResponse"}}).status, 200U);
}

TEST_F(LambdaApiTest, HeadersThatTheGuestWouldNotTakeAreRefused) {
  create_active("f");
  const std::string target = "/2015-03-31/functions/f/invocations";
  const auto invoke = [&](const char* name, const std::string& value) {
    return send("POST", target, "{}", {{name, value}});
  };
  const std::string context = encode_base64("\"" + std::string(2680, 'x') + "\"");
  ASSERT_LE(context.size(), 3583U);
  EXPECT_EQ(invoke("x-amz-client-context", context).status, 200U);
  EXPECT_EQ(error_type(invoke("x-amz-client-context", encode_base64("\"" + std::string(2700, 'x') + "\""))),
            "InvalidRequestContentException");
  EXPECT_EQ(invoke("x-amzn-trace-id", std::string(2048, 'x')).status, 200U);
  EXPECT_EQ(error_type(invoke("x-amzn-trace-id", std::string(2049, 'x'))), "InvalidRequestContentException");
}

TEST_F(LambdaApiTest, AccountsAreSeparateAndOnlyTheOperatorSocketNamesThem) {
  create_active("f");
  const std::map<std::string, std::string> other = {{"x-caisson-account", "000000000002"}};
  EXPECT_EQ(send("GET", "/2015-03-31/functions/f", "", other, true).status, 404U);
  // Over TCP the signature alone says who asks.
  auto signed_headers = other;
  signed_headers["authorization"] = "good";
  EXPECT_EQ(send("GET", "/2015-03-31/functions/f", "", signed_headers, false).status, 200U);
  EXPECT_EQ(send("GET", "/2015-03-31/functions/f", "", {{"x-caisson-account", "default"}}, true).status,
            200U);
  EXPECT_EQ(send("GET", "/2015-03-31/functions/f", "", {{"x-caisson-account", "1"}}, true).status, 400U);
  const HttpResponse created = send("POST", "/2015-03-31/functions", create_body("f"), other, true);
  EXPECT_EQ(created.status, 201U);
  EXPECT_EQ(Json::parse(created.body).at("FunctionArn"), "arn:aws:lambda:us-east-1:000000000002:function:f");
}

TEST_F(LambdaApiTest, WhatIsNotSignedIsRefusedBeforeAllElse) {
  create_active("f");
  for (const char* target : {"/2015-03-31/functions/f", "/2015-03-31/functions", "/nothing", "/%"}) {
    const auto response = send("GET", target, "", {}, false);
    EXPECT_EQ(response.status, 403U) << target;
    EXPECT_EQ(error_type(response), "MissingAuthenticationTokenException") << target;
  }
  EXPECT_EQ(send("GET", "/metrics", "", {}, false).status, 200U);
  EXPECT_EQ(send("GET", "/healthz", "", {}, false).status, 200U);
}

TEST_F(LambdaApiTest, UpdatesAndTheirConflicts) {
  create_active("f");
  const std::string target = "/2015-03-31/functions/f/configuration";
  const HttpResponse updated = send("PUT", target, R"({"MemorySize":256})");
  EXPECT_EQ(updated.status, 200U);
  EXPECT_EQ(Json::parse(updated.body).at("LastUpdateStatus"), "InProgress");
  EXPECT_EQ(Json::parse(updated.body).at("MemorySize"), 256);
  EXPECT_EQ(send("PUT", target, "{}").status, 409U);
  run_background();
  EXPECT_EQ(send("PUT", target, R"({"RevisionId":"x"})").status, 412U);
  EXPECT_EQ(send("PUT", "/2015-03-31/functions/f/code", R"({"ZipFile":"eA=="})").status, 200U);
}

TEST_F(LambdaApiTest, UnknownOperations) {
  EXPECT_EQ(send("GET", "/").status, 404U);
  EXPECT_EQ(send("POST", "/2015-03-31/functions/f").status, 404U);
  EXPECT_EQ(send("GET", "/2014-01-01/functions/f").status, 404U);
  EXPECT_EQ(send("DELETE", "/2015-03-31/functions/f?Qualifier=%24LATEST").status, 400U);
}

TEST_F(LambdaApiTest, MetricsAndHealth) {
  EXPECT_EQ(send("GET", "/metrics").body, "caisson_up 1\n");
  EXPECT_EQ(send("GET", "/healthz").status, 200U);
}

TEST(BodyLimit, ByOperation) {
  EXPECT_EQ(LambdaApi::body_limit({.method = "POST", .target = "/2015-03-31/functions/f/invocations"}),
            6U * 1024 * 1024);
  EXPECT_EQ(LambdaApi::body_limit({.method = "POST", .target = "/2015-03-31/functions/"}), 70'167'211U);
  EXPECT_EQ(LambdaApi::body_limit({.method = "GET", .target = "/nothing"}), 1024U);
  const HttpResponse response = LambdaApi::refuse(
      http::Refusal::kBodyTooLarge, {.method = "POST", .target = "/2015-03-31/functions/f/invocations"});
  EXPECT_EQ(response.status, 413U);
  EXPECT_EQ(LambdaApi::refuse(http::Refusal::kLengthRequired, {}).status, 411U);
  EXPECT_NE(response.body.find("6291456 bytes for the InvokeFunction operation"), std::string::npos);
}

}  // namespace
}  // namespace caisson::runner
