#include "runner/invoke/invoker.hh"

#include <nlohmann/json.hpp>

#include "runner/invoke/log_tail.hh"
#include "tests/unit/runner/invoke/fixture.hh"

namespace caisson::runner {
namespace {

using Json = nlohmann::json;

class InvokerTest : public DeployerFixture {
 protected:
  Result<InvokeReply> invoke(const std::string& payload = R"({"a":1})") {
    return invoker_.invoke({.key = {kAccount, "f"},
                            .arn = "arn:aws:lambda:us-east-1:000000000001:function:f",
                            .request_id = "r-1",
                            .payload = payload});
  }
  void create_active() {
    create();
    run_background();
  }

  std::vector<InvokeRecord> records_;
  Invoker invoker_{*deployer_, *pool_, [this](const InvokeRecord& record) { records_.push_back(record); }};
};

TEST_F(InvokerTest, TheFunctionSeesTheEventAndItsReplyComesBack) {
  create_active();
  Invocation seen;
  factory_.on_invoke = [&](const Invocation& invocation) {
    seen = invocation;
    return Outcome{
        .payload = "[1]", .duration = std::chrono::microseconds(1501), .max_memory_mib = 40, .log = "hi"};
  };
  const auto reply = invoke();
  ASSERT_TRUE(reply);
  EXPECT_EQ(seen.payload, R"({"a":1})");
  EXPECT_EQ(seen.timeout, std::chrono::seconds(3));
  EXPECT_EQ(reply.value().payload, "[1]");
  EXPECT_FALSE(reply.value().function_error);
  EXPECT_TRUE(reply.value().log.starts_with(
      "START RequestId: r-1 Version: $LATEST\nhi\nEND RequestId: r-1\nREPORT "));
  EXPECT_NE(reply.value().log.find("\tDuration: 1.50 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t"
                                   "Max Memory Used: 40 MB\tRestore Duration: "),
            std::string::npos);
  EXPECT_STREQ(records_.at(0).result, "success");
  EXPECT_EQ(records_.at(0).start, StartKind::kRestored);
}

TEST_F(InvokerTest, ATimeoutIsAFunctionErrorInLambdasWords) {
  create_active();
  factory_.on_invoke = [](const Invocation&) {
    return Outcome{.kind = Outcome::Kind::kTimeout, .duration = std::chrono::seconds(3), .usable = false};
  };
  const auto reply = invoke();
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply.value().function_error);
  const std::string message = Json::parse(reply.value().payload).at("errorMessage");
  EXPECT_TRUE(message.ends_with("Z r-1 Task timed out after 3.00 seconds")) << message;
  EXPECT_NE(reply.value().log.find("Status: timeout"), std::string::npos);
  // The environment was of no use any more.
  ASSERT_TRUE(invoke());
  EXPECT_EQ(factory_.started.size(), 2U);
}

TEST_F(InvokerTest, ADeadMicroVmIsAnExitError) {
  create_active();
  factory_.on_invoke = [](const Invocation&) {
    return Outcome{.kind = Outcome::Kind::kLost, .error_type = "Disconnected", .usable = false};
  };
  const auto reply = invoke();
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply.value().function_error);
  EXPECT_EQ(Json::parse(reply.value().payload).at("errorType"), "Runtime.ExitError");
  EXPECT_STREQ(records_.at(0).result, "lost");
}

TEST_F(InvokerTest, AnEventThatWasNotDeliveredGoesToAnotherEnvironment) {
  create_active();
  int calls = 0;
  factory_.on_invoke = [&](const Invocation& invocation) {
    if (++calls <= 2) return Outcome{.kind = Outcome::Kind::kUndelivered, .usable = false};
    return Outcome{.payload = invocation.payload};
  };
  const auto reply = invoke();
  ASSERT_TRUE(reply);
  EXPECT_FALSE(reply.value().function_error);
  EXPECT_EQ(reply.value().payload, R"({"a":1})");
  EXPECT_EQ(factory_.started.size(), 3U);
  EXPECT_STREQ(records_.at(0).result, "success");
}

TEST_F(InvokerTest, ThreeEnvironmentsThatEndBeforeTheyHaveTheEventAreAServiceError) {
  create_active();
  factory_.on_invoke = [](const Invocation&) {
    return Outcome{.kind = Outcome::Kind::kUndelivered, .usable = false};
  };
  EXPECT_EQ(invoke().error().code, "ServiceException");
  EXPECT_EQ(factory_.started.size(), 3U);
  EXPECT_EQ(pool_->stats().environments["busy"], 0U);
}

TEST_F(InvokerTest, AHandlersErrorKeepsItsPayloadAndTheEnvironment) {
  create_active();
  factory_.on_invoke = [](const Invocation&) {
    return Outcome{
        .kind = Outcome::Kind::kError, .payload = R"({"errorMessage":"bad"})", .error_type = "ValueError"};
  };
  const auto reply = invoke();
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply.value().function_error);
  EXPECT_EQ(reply.value().payload, R"({"errorMessage":"bad"})");
  EXPECT_EQ(reply.value().log.find("Status"), std::string::npos);
  ASSERT_TRUE(invoke());
  EXPECT_EQ(factory_.started.size(), 1U);
}

TEST_F(InvokerTest, TheLogIsTheLastFourKilobytes) {
  create_active();
  factory_.on_invoke = [](const Invocation&) {
    return Outcome{.payload = "1", .log = std::string(kLogTailBytes, 'x')};
  };
  const auto reply = invoke();
  EXPECT_EQ(reply.value().log.size(), kLogTailBytes);
  EXPECT_TRUE(reply.value().log.starts_with("xxx"));
  EXPECT_NE(reply.value().log.find("REPORT"), std::string::npos);
}

TEST_F(InvokerTest, StatesThatCannotBeInvoked) {
  EXPECT_EQ(invoke().error().code, "ResourceNotFoundException");
  create();
  EXPECT_EQ(invoke().error().code, "ResourceConflictException");
  EXPECT_NE(invoke().error().message.find("Pending"), std::string::npos);
  factory_.prepare_error = Error{.code = "InvalidSubnetID.NotFound", .message = "gone"};
  run_background();
  EXPECT_EQ(invoke().error().code, "InvalidSubnetIDException");
}

TEST_F(InvokerTest, AnInitErrorOfABootIsTheFunctionsError) {
  create_active();
  factory_.boot_error = Error{.code = "FunctionError.RuntimeInitError",
                              .message = R"({"errorMessage":"x","errorType":"ImportError"})"};
  const auto reply = invoke();
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply.value().function_error);
  EXPECT_EQ(Json::parse(reply.value().payload).at("errorType"), "ImportError");
}

TEST_F(InvokerTest, AnInitErrorsTypeMayBeAnything) {
  create_active();
  for (const char* payload : {R"({"errorType":7})", R"({"errorMessage":"x"})", "[1]", "no JSON", ""}) {
    factory_.boot_error = Error{.code = "FunctionError.RuntimeInitError", .message = payload};
    const auto reply = invoke();
    ASSERT_TRUE(reply) << payload;
    EXPECT_TRUE(Json::accept(reply.value().payload)) << payload;
    EXPECT_NE(reply.value().log.find("Runtime.Unknown"), std::string::npos) << payload;
  }
}

TEST_F(InvokerTest, ALostSnapshotIsMadeAgain) {
  create_active();
  pool_.emplace(factory_, PoolSettings{});
  ASSERT_TRUE(invoke());
  EXPECT_EQ(records_.back().start, StartKind::kBooted);
  EXPECT_EQ(pool_->stats().snapshots, 0U);
  run_background();
  EXPECT_EQ(pool_->stats().snapshots, 1U);
}

TEST_F(InvokerTest, AnEnvironmentThatCannotBeStartedIsAServiceError) {
  create_active();
  factory_.boot_error = Error{.code = "Timeout", .message = "no answer"};
  EXPECT_EQ(invoke().error().code, "ServiceException");
  factory_.boot_error = Error{.code = "NoFreeUser", .message = "m"};
  EXPECT_EQ(invoke().error().code, "TooManyRequestsException");
}

TEST_F(InvokerTest, TheNewTimeoutIsInForceAtOnce) {
  create_active();
  ASSERT_TRUE(invoke());
  ASSERT_TRUE(deployer_->update_configuration({kAccount, "f"}, R"({"Timeout":9})"));
  std::chrono::milliseconds seen{};
  factory_.on_invoke = [&](const Invocation& invocation) {
    seen = invocation.timeout;
    return Outcome{.payload = "1"};
  };
  ASSERT_TRUE(invoke());
  EXPECT_EQ(seen, std::chrono::seconds(9));
  EXPECT_EQ(factory_.started.size(), 1U);
}

}  // namespace
}  // namespace caisson::runner
