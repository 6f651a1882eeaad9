#include "runner/functions/request.hh"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

namespace caisson::runner {
namespace {

using Json = nlohmann::json;

const Offer kOffer{.runtimes = {"provided.al2023", "python3.11"}};

Json create_body() {
  return {{"FunctionName", "f"},
          {"Runtime", "python3.11"},
          {"Handler", "app.handler"},
          {"Role", "arn:aws:iam::000000000001:role/r"},
          {"Code", {{"ZipFile", "UEsFBg=="}}}};
}

TEST(CreateRequest, Defaults) {
  const auto request = parse_create(create_body().dump(), kOffer);
  ASSERT_TRUE(request) << request.error().text();
  const Settings& settings = request.value().settings;
  EXPECT_EQ(request.value().name, "f");
  EXPECT_EQ(request.value().zip, "PK\x05\x06");
  EXPECT_EQ(settings.timeout_seconds, 3);
  EXPECT_EQ(settings.memory_mib, 128);
  EXPECT_EQ(settings.temporary_mib, 512);
  EXPECT_FALSE(settings.vpc.attached());
}

TEST(CreateRequest, WhatTheStockClientSendsAsOff) {
  Json body = create_body();
  body["Publish"] = false;
  body["PackageType"] = "Zip";
  body["Architectures"] = {"x86_64"};
  body["Layers"] = Json::array();
  body["TracingConfig"] = {{"Mode", "PassThrough"}};
  body["Description"] = nullptr;
  EXPECT_TRUE(parse_create(body.dump(), kOffer));
}

struct Refusal {
  const char* name;
  std::function<void(Json&)> change;
  const char* code;
};

TEST(CreateRequest, Refusals) {
  const std::string invalid = "InvalidParameterValueException";
  const Refusal refusals[] = {
      {"no runtime", [](Json& b) { b.erase("Runtime"); }, "InvalidParameterValueException"},
      {"no handler", [](Json& b) { b.erase("Handler"); }, "InvalidParameterValueException"},
      {"unknown runtime", [](Json& b) { b["Runtime"] = "cobol"; }, "InvalidParameterValueException"},
      {"no role", [](Json& b) { b.erase("Role"); }, "ValidationException"},
      {"role is no ARN", [](Json& b) { b["Role"] = "admin"; }, "ValidationException"},
      {"handler with a blank", [](Json& b) { b["Handler"] = "a b"; }, "ValidationException"},
      {"handler is a number", [](Json& b) { b["Handler"] = 1; }, "ValidationException"},
      {"timeout 0", [](Json& b) { b["Timeout"] = 0; }, "ValidationException"},
      {"timeout 901", [](Json& b) { b["Timeout"] = 901; }, "ValidationException"},
      {"timeout is text", [](Json& b) { b["Timeout"] = "3"; }, "ValidationException"},
      {"timeout beyond 64 bits", [](Json& b) { b["Timeout"] = 1e30; }, "ValidationException"},
      {"memory 127", [](Json& b) { b["MemorySize"] = 127; }, "ValidationException"},
      {"memory 10241", [](Json& b) { b["MemorySize"] = 10241; }, "ValidationException"},
      {"long description", [](Json& b) { b["Description"] = std::string(257, 'x'); }, "ValidationException"},
      {"reserved variable",
       [](Json& b) {
         b["Environment"]["Variables"] = {{"_HANDLER", "x"}};
       },
       "InvalidParameterValueException"},
      {"reserved credential",
       [](Json& b) {
         b["Environment"]["Variables"] = {{"AWS_SESSION_TOKEN", "x"}};
       },
       "InvalidParameterValueException"},
      {"one-letter variable",
       [](Json& b) {
         b["Environment"]["Variables"] = {{"A", "x"}};
       },
       "ValidationException"},
      {"variable with NUL",
       [](Json& b) {
         b["Environment"]["Variables"] = {{"AB", std::string("x\0y", 3)}};
       },
       "ValidationException"},
      {"5 KB of variables",
       [](Json& b) {
         b["Environment"]["Variables"] = {{"AB", std::string(4095, 'x')}};
       },
       "InvalidParameterValueException"},
      {"subnets without groups",
       [](Json& b) {
         b["VpcConfig"] = {{"SubnetIds", {"subnet-01"}}};
       },
       "InvalidParameterValueException"},
      {"groups without subnets",
       [](Json& b) {
         b["VpcConfig"] = {{"SubnetIds", Json::array()}, {"SecurityGroupIds", {"sg-01"}}};
       },
       "InvalidParameterValueException"},
      {"a VPC's id as subnet",
       [](Json& b) {
         b["VpcConfig"] = {{"SubnetIds", {"vpc-01"}}, {"SecurityGroupIds", {"sg-01"}}};
       },
       "ValidationException"},
      {"a subnet's id that is too long",
       [](Json& b) {
         b["VpcConfig"] = {{"SubnetIds", {"subnet-" + std::string(58, 'a')}},
                           {"SecurityGroupIds", {"sg-01"}}};
       },
       "ValidationException"},
      {"a group's id with other characters",
       [](Json& b) {
         b["VpcConfig"] = {{"SubnetIds", {"subnet-01"}}, {"SecurityGroupIds", {"sg-0/1"}}};
       },
       "ValidationException"},
      {"a tag without key",
       [](Json& b) {
         b["Tags"] = {{"", "x"}};
       },
       "InvalidParameterValueException"},
      {"a long tag key",
       [](Json& b) {
         b["Tags"] = {{std::string(129, 'x'), "x"}};
       },
       "InvalidParameterValueException"},
      {"a long tag value",
       [](Json& b) {
         b["Tags"] = {{"x", std::string(257, 'x')}};
       },
       "InvalidParameterValueException"},
      {"a reserved tag key",
       [](Json& b) {
         b["Tags"] = {{"aws:x", "x"}};
       },
       "InvalidParameterValueException"},
      {"no code", [](Json& b) { b.erase("Code"); }, "InvalidParameterValueException"},
      {"code from S3",
       [](Json& b) {
         b["Code"] = {{"S3Bucket", "b"}, {"S3Key", "k"}};
       },
       "InvalidParameterValueException"},
      {"code that is not base64", [](Json& b) { b["Code"]["ZipFile"] = "%%%"; },
       "InvalidParameterValueException"},
      {"an image", [](Json& b) { b["PackageType"] = "Image"; }, "InvalidParameterValueException"},
      {"arm64", [](Json& b) { b["Architectures"] = {"arm64"}; }, "InvalidParameterValueException"},
      {"a layer", [](Json& b) { b["Layers"] = {"arn:x"}; }, "InvalidParameterValueException"},
      {"publish", [](Json& b) { b["Publish"] = true; }, "InvalidParameterValueException"},
  };
  for (const Refusal& refusal : refusals) {
    Json body = create_body();
    refusal.change(body);
    const auto request = parse_create(body.dump(), kOffer);
    ASSERT_FALSE(request) << refusal.name;
    EXPECT_EQ(request.error().code, refusal.code) << refusal.name << ": " << request.error().message;
  }
}

TEST(CreateRequest, NotAnObject) {
  for (const char* body : {"", "{", "[]", "null", "\"x\"", "\xff"}) {
    EXPECT_EQ(parse_create(body, kOffer).error().code, "InvalidRequestContentException") << body;
  }
}

TEST(Request, DeepNestingIsRefusedBeforeItIsParsed) {
  const std::string deep = R"({"Timeout":)" + std::string(10'000'000, '[');
  EXPECT_EQ(parse_create(deep + std::string(10'000'000, ']') + "}", kOffer).error().code,
            "InvalidRequestContentException");
  const std::string wide = R"({"Timeout":")" + std::string(100'000, 'x') + "\"}";
  EXPECT_LT(parse_create(wide, kOffer).error().message.size(), 1000U);
}

TEST(CreateRequest, AnUnknownRuntimeNamesTheSupportedOnes) {
  Json body = create_body();
  body["Runtime"] = "nodejs18.x";
  const auto request = parse_create(body.dump(), kOffer);
  EXPECT_NE(request.error().message.find("[provided.al2023, python3.11]"), std::string::npos);
}

TEST(CreateRequest, SubnetsAndGroups) {
  Json body = create_body();
  body["VpcConfig"] = {{"SubnetIds", {"subnet-01", "subnet-02", "subnet-01"}},
                       {"SecurityGroupIds", {"sg-01"}}};
  const auto request = parse_create(body.dump(), kOffer);
  ASSERT_TRUE(request);
  EXPECT_EQ(request.value().settings.vpc.subnets, (std::vector<std::string>{"subnet-01", "subnet-02"}));
}

TEST(ConfigurationRequest, OmittedMembersStay) {
  Settings before = parse_create(create_body().dump(), kOffer).value().settings;
  before.variables = {{"AB", "1"}};
  before.vpc = {.subnets = {"subnet-01"}, .groups = {"sg-01"}, .vpc = "vpc-01"};
  const auto request = parse_configuration(R"({"Timeout":9,"RevisionId":"r1"})", before, kOffer);
  ASSERT_TRUE(request);
  EXPECT_EQ(request.value().revision, "r1");
  Settings expected = before;
  expected.timeout_seconds = 9;
  EXPECT_EQ(request.value().settings, expected);
}

TEST(ConfigurationRequest, EnvironmentAndVpcAreReplacedAsAWhole) {
  Settings before = parse_create(create_body().dump(), kOffer).value().settings;
  before.variables = {{"AB", "1"}, {"CD", "2"}};
  before.vpc = {.subnets = {"subnet-01"}, .groups = {"sg-01"}, .vpc = "vpc-01"};
  const auto request = parse_configuration(
      R"({"Environment":{"Variables":{"EF":"3"}},"VpcConfig":{"SubnetIds":[],"SecurityGroupIds":[]}})",
      before, kOffer);
  ASSERT_TRUE(request);
  EXPECT_EQ(request.value().settings.variables, (std::map<std::string, std::string>{{"EF", "3"}}));
  EXPECT_EQ(request.value().settings.vpc, VpcSettings{});
}

TEST(NeedsNewEnvironments, OnlyWhenASnapshotWouldDiffer) {
  const Settings before = parse_create(create_body().dump(), kOffer).value().settings;
  Settings after = before;
  after.timeout_seconds = 10;
  after.description = "d";
  EXPECT_FALSE(needs_new_environments(before, after));
  after.memory_mib = 256;
  EXPECT_TRUE(needs_new_environments(before, after));
}

}  // namespace
}  // namespace caisson::runner
