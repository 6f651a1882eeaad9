// The server over real sockets, as clients and attackers use it.
#include "netd/api/server.hh"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <optional>
#include <thread>

#include "base/sigv4/sign.hh"
#include "netd/api/dispatch.hh"
#include "tests/support/http_fixture.hh"
#include "tests/unit/netd/api/fake_backend.hh"

namespace caisson::netd::api {
namespace {

using test::at_end;
using test::receive_reply;
using test::send_text;
using testing::HasSubstr;
using testing::StartsWith;

class ServerTest : public test::HttpFixture {
 protected:
  void destroy_server() override { server_.reset(); }

  void start(http::Limits limits = {}) {
    server_.emplace(io_, backend_, limits);
    serve(server_->http());
  }

  static std::string post(const std::string& action, const std::string& body,
                          const std::string& headers = "") {
    return test::post_text("/v1/" + action, body, headers);
  }

  FakeBackend backend_;
  std::optional<Server> server_;
};

TEST_F(ServerTest, AnswersActionsOnOneConnection) {
  start();
  const Fd fd = connect_unix();
  send_text(fd, post("CreateVpc", R"({"CidrBlock":"10.0.0.0/16"})"));
  const auto created = receive_reply(fd);
  EXPECT_THAT(created, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(created, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(created, HasSubstr("x-amzn-RequestId: "));
  EXPECT_THAT(created, HasSubstr(R"("CidrBlock":"10.0.0.0/16")"));
  send_text(fd, post("DescribeVpcs", "") + post("DescribeSubnets", "{}"));  // pipelined
  EXPECT_THAT(receive_reply(fd), HasSubstr(R"("VpcId":"vpc-0)"));
  EXPECT_THAT(receive_reply(fd), HasSubstr(R"({"Subnets":[]})"));
  send_text(fd, post("DescribeVpcs", "", "Connection: close\r\n"));
  EXPECT_THAT(receive_reply(fd), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(at_end(fd));
}

TEST_F(ServerTest, OperatorsNameAccounts) {
  start();
  EXPECT_THAT(ask(post("CreateVpc", R"({"CidrBlock":"10.0.0.0/16"})", "X-Caisson-Account: 111122223333\r\n")),
              AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("NoSuchEntity")));
  EXPECT_THAT(ask(post("CreateAccount", R"({"AccountName":"shop","AccountId":"111122223333"})")),
              HasSubstr(R"("AccountName":"shop")"));
  EXPECT_THAT(ask(post("CreateVpc", R"({"CidrBlock":"10.0.0.0/16"})", "X-Caisson-Account: 111122223333\r\n")),
              HasSubstr(R"("OwnerId":"111122223333")"));
  EXPECT_THAT(ask(post("CreateVpc", R"({"CidrBlock":"10.0.0.0/16"})")),
              HasSubstr(R"("OwnerId":"000000000001")"));
  EXPECT_THAT(ask(post("DescribeVpcs", "", "X-Caisson-Account: 1\r\n")), HasSubstr("InvalidParameterValue"));
}

/// A signed request; the case may change it afterwards.
std::string signed_post(const std::string& action, const std::string& body,
                        const std::string& key = "AKIDEXAMPLE", const std::string& secret = "secret",
                        std::int64_t skew = 0, const std::string& service = "ec2",
                        const std::string& more = "", const std::string& token = "") {
  const sigv4::Headers headers{{"host", "netd"}};
  const auto added = sigv4::sign({.method = "POST",
                                  .target = "/v1/" + action,
                                  .headers = headers,
                                  .body_sha256 = sigv4::sha256_hex(body)},
                                 {.access_key_id = key, .secret_access_key = secret, .session_token = token},
                                 "us-east-1", service, std::time(nullptr) + skew);
  std::string text = "POST /v1/" + action + " HTTP/1.1\r\nHost: netd\r\n" + more;
  for (const auto& [name, value] : added)
    text += name + ": " + value + "\r\n";
  return text + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST_F(ServerTest, SignaturesNameAccountsOverTcp) {
  start();
  const auto ask = [this](const std::string& request) {
    const Fd fd = connect_tcp();
    send_text(fd, request);
    return receive_reply(fd);
  };
  const std::string vpc = R"({"CidrBlock":"10.0.0.0/16"})";
  EXPECT_THAT(ask(signed_post("CreateVpc", vpc)), HasSubstr(R"("OwnerId":"111122223333")"));
  // The header is for operators.
  EXPECT_THAT(ask(signed_post("DescribeVpcs", "{}", "AKIDEXAMPLE", "secret", 0, "ec2",
                              "X-Caisson-Account: 000000000001\r\n")),
              HasSubstr(R"("OwnerId":"111122223333")"));
  std::string longer = signed_post("DescribeVpcs", "{}");
  longer.replace(longer.find("{}"), 2, "[]");
  const struct {
    const char* name;
    std::string request;
    const char* status;
    const char* code;
  } cases[] = {
      {"unsigned", post("DescribeVpcs", "{}"), "403", "MissingAuthenticationToken"},
      {"an unknown action, unsigned", post("X", "{}"), "403", "MissingAuthenticationToken"},
      {"another path, unsigned", "GET /x HTTP/1.1\r\nHost: n\r\n\r\n", "403", "MissingAuthenticationToken"},
      {"no SigV4", post("DescribeVpcs", "{}", "Authorization: Basic eA==\r\n"), "400", "IncompleteSignature"},
      {"an unknown key", signed_post("DescribeVpcs", "{}", "AKIDOTHER"), "401", "AuthFailure"},
      {"another secret", signed_post("DescribeVpcs", "{}", "AKIDEXAMPLE", "other"), "401", "AuthFailure"},
      {"another body", longer, "401", "AuthFailure"},
      {"another service", signed_post("DescribeVpcs", "{}", "AKIDEXAMPLE", "secret", 0, "lambda"), "401",
       "AuthFailure"},
      {"old", signed_post("DescribeVpcs", "{}", "AKIDEXAMPLE", "secret", -400), "400", "RequestExpired"},
      {"early", signed_post("DescribeVpcs", "{}", "AKIDEXAMPLE", "secret", 400), "400", "RequestExpired"},
      {"a function's own key",
       signed_post("DescribeVpcs", "{}", "ASIAEXAMPLE", "secret", 0, "ec2", "", "token"), "403",
       "UnauthorizedOperation"},
      {"another secret than the session's",
       signed_post("DescribeVpcs", "{}", "ASIAEXAMPLE", "other", 0, "ec2", "", "token"), "401",
       "AuthFailure"},
      {"a session that has ended",
       signed_post("DescribeVpcs", "{}", "ASIAEXAMPLE", "secret", 0, "ec2", "", "ended"), "400",
       "RequestExpired"},
      {"another key's token",
       signed_post("DescribeVpcs", "{}", "AKIDEXAMPLE", "secret", 0, "ec2", "", "token"), "401",
       "AuthFailure"},
      {"a session's key without its token", signed_post("DescribeVpcs", "{}", "ASIAEXAMPLE"), "401",
       "AuthFailure"},
      {"an operator's action", signed_post("DescribeAccounts", "{}"), "403", "UnauthorizedOperation"},
      {"a namespace of the host",
       signed_post(
           "AttachNetworkInterface",
           R"({"NetworkInterfaceId":"eni-00000000000000001","InstanceId":"netns:x","DeviceIndex":0})"),
       "403", "UnauthorizedOperation"},
      {"an operator's inspection", signed_post("Plan", "{}"), "403", "UnauthorizedOperation"},
  };
  for (const auto& c : cases) {
    const auto reply = ask(c.request);
    EXPECT_THAT(reply, StartsWith(std::string("HTTP/1.1 ") + c.status)) << c.name;
    EXPECT_THAT(reply, HasSubstr(std::string(R"("Code":")") + c.code + "\"")) << c.name;
  }
}

TEST_F(ServerTest, ErrorsHaveStatusCodeAndRequestId) {
  start();
  const std::string deep = "{\"Filters\":" + std::string(17, '[') + std::string(17, ']') + "}";
  const struct {
    const char* name;
    std::string request;
    const char* status;
    const char* code;
  } cases[] = {
      {"absent", post("DeleteVpc", R"({"VpcId":"vpc-00000000000000001"})"), "400", "InvalidVpcID.NotFound"},
      {"dry run", post("CreateVpc", R"({"CidrBlock":"10.0.0.0/16","DryRun":true})"), "412",
       "DryRunOperation"},
      {"unknown action", post("CreateVpcs", "{}"), "400", "InvalidAction"},
      {"internal action", post("ReleaseFunctionInterface", R"({"User":"f"})"), "400", "InvalidAction"},
      {"unknown member", post("DescribeVpcs", R"({"X":1})"), "400", "UnknownParameter"},
      {"no JSON", post("DescribeVpcs", "{"), "400", "SerializationException"},
      {"no UTF-8", post("DescribeVpcs", "{\"NextToken\":\"\xff\"}"), "400", "SerializationException"},
      {"no object", post("DescribeVpcs", "[]"), "400", "SerializationException"},
      {"too deep", post("DescribeVpcs", deep), "400", "SerializationException"},
      {"kernel", post("DescribeFlows", "{}"), "500", "InternalError"},
      {"other path", "POST /v2/X HTTP/1.1\r\nHost: n\r\nContent-Length: 0\r\n\r\n", "404", "NotFound"},
      {"other page", "GET / HTTP/1.1\r\nHost: n\r\n\r\n", "404", "NotFound"},
      {"other method", "PUT /v1/DescribeVpcs HTTP/1.1\r\nHost: n\r\nContent-Length: 0\r\n\r\n", "405",
       "MethodNotAllowed"},
      {"not HTTP", "HELLO\r\n\r\n", "400", "InvalidRequest"},
      {"long header", "GET /healthz HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n", "431",
       "InvalidRequest"},
      {"chunks", "POST /v1/DescribeVpcs HTTP/1.1\r\nHost: n\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "411", "InvalidRequest"},
      {"large body", post("DescribeVpcs", std::string((1 << 20) + 1, ' ')), "413", "RequestEntityTooLarge"},
  };
  for (const auto& c : cases) {
    const auto reply = ask(c.request);
    EXPECT_THAT(reply, StartsWith(std::string("HTTP/1.1 ") + c.status)) << c.name;
    EXPECT_THAT(reply, HasSubstr(std::string(R"("Code":")") + c.code + "\"")) << c.name;
    const auto id = reply.substr(reply.find("x-amzn-RequestId: ") + 18, 36);
    EXPECT_THAT(reply, HasSubstr("\"RequestID\":\"" + id + "\"")) << c.name;
  }
  EXPECT_TRUE(backend_.snapshot()->vpcs.empty());
}

TEST(Dispatch, WhatMayTakeLongIsDoneElsewhere) {
  FakeBackend backend;
  const auto elsewhere = [&](const std::string& action, const std::string& body) {
    int handed_over = 0;
    bool answered = false;
    const RunBlocking blocking = [&](const std::function<void()>& work) {
      ++handed_over;
      EXPECT_FALSE(answered);
      work();
    };
    dispatch(
        {.method = "POST", .target = "/v1/" + action, .headers = {}, .body = body, .operator_socket = true},
        backend, blocking, [&](const http::Response& reply) {
          EXPECT_TRUE(reply.status == 200 || reply.status == 412) << reply.body;
          answered = true;
        });
    EXPECT_TRUE(answered);
    return handed_over == 1;
  };
  EXPECT_FALSE(elsewhere("DescribeVpcs", "{}"));
  EXPECT_TRUE(elsewhere("DescribeVpcs", R"({"Filters":[{"Name":"cidr","Values":["*a*a*b"]}]})"));
  EXPECT_TRUE(
      elsewhere("DescribeVpcs", R"({"DryRun":true,"Filters":[{"Name":"cidr","Values":["*a*a*b"]}]})"));
  EXPECT_TRUE(elsewhere("Plan", "{}"));
}

TEST_F(ServerTest, NobodyWaitsForWhoReadsTheMetrics) {
  std::promise<void> entered;
  std::promise<void> released;
  std::atomic<bool> finished = false;
  backend_.on_metrics = [&, release = released.get_future().share()] {
    entered.set_value();
    (void)release.wait_for(std::chrono::seconds(20));
    finished = true;
  };
  start();
  const Fd fd = connect_tcp();
  send_text(fd, "GET /metrics HTTP/1.1\r\nHost: n\r\n\r\n");
  entered.get_future().wait();
  EXPECT_THAT(ask("GET /healthz HTTP/1.1\r\nHost: n\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_FALSE(finished);
  released.set_value();
  EXPECT_THAT(receive_reply(fd), HasSubstr("caisson_up 1\n"));
}

TEST_F(ServerTest, ServesMetricsAndHealth) {
  start();
  EXPECT_THAT(ask("GET /metrics HTTP/1.1\r\nHost: n\r\n\r\n"), HasSubstr("\r\n\r\ncaisson_up 1\n"));
  EXPECT_THAT(ask("GET /healthz HTTP/1.1\r\nHost: n\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  backend_.status = "degraded";
  EXPECT_THAT(ask("GET /healthz HTTP/1.1\r\nHost: n\r\n\r\n"), StartsWith("HTTP/1.1 503"));
}

TEST_F(ServerTest, InspectionsRunOnTheWorker) {
  start();
  EXPECT_THAT(ask(post("Plan", "")), HasSubstr(R"({"Plan":[]})"));
  EXPECT_THAT(ask(post("Describe", "", "X-Caisson-Account: 111122223333\r\n")), HasSubstr("NoSuchEntity"));
}

TEST_F(ServerTest, LetsAClientContinue) {
  start();
  const Fd fd = connect_unix();
  const std::string body = R"({"CidrBlock":"10.0.0.0/16"})";
  send_text(fd, "POST /v1/CreateVpc HTTP/1.1\r\nHost: n\r\nExpect: 100-continue\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n\r\n");
  EXPECT_THAT(receive_reply(fd), StartsWith("HTTP/1.1 100 Continue"));
  send_text(fd, body);
  EXPECT_THAT(receive_reply(fd), StartsWith("HTTP/1.1 200"));
}

TEST(ParseBody, CountsBracketsOnlyOutsideOfStrings) {
  EXPECT_TRUE(parse_body(""));
  EXPECT_TRUE(parse_body(R"({"a":"[[[[[[[[[[[[[[[[[[[[\"[[[["})"));
  EXPECT_TRUE(parse_body("{\"a\":" + std::string(15, '[') + std::string(15, ']') + "}"));
  EXPECT_FALSE(parse_body("{\"a\":" + std::string(16, '[') + std::string(16, ']') + "}"));
  EXPECT_FALSE(parse_body(std::string(1 << 20, '[')));
}

}  // namespace
}  // namespace caisson::netd::api
