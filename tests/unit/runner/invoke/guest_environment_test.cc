#include "runner/invoke/guest_environment.hh"

#include <gtest/gtest.h>

namespace caisson::runner {
namespace {

TEST(GuestVariables, ReservedOnesComeFromTheFunction) {
  Deployment deployment;
  deployment.key = {"000000000001", "f"};
  deployment.settings.runtime = "python3.11";
  deployment.settings.memory_mib = 256;
  deployment.settings.variables = {{"MINE", "1"}};
  const auto variables = guest_variables(deployment, "eu-west-1", "stream");
  EXPECT_EQ(variables.at("MINE"), "1");
  EXPECT_EQ(variables.at("AWS_REGION"), "eu-west-1");
  EXPECT_EQ(variables.at("AWS_LAMBDA_FUNCTION_NAME"), "f");
  EXPECT_EQ(variables.at("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), "256");
  EXPECT_EQ(variables.at("AWS_EXECUTION_ENV"), "AWS_Lambda_python3.11");
  EXPECT_EQ(variables.at("AWS_LAMBDA_LOG_STREAM_NAME"), "stream");
  EXPECT_FALSE(variables.contains("AWS_ACCESS_KEY_ID"));
}

TEST(GuestVariables, ProvidedHasNoExecutionEnvironment) {
  Deployment deployment;
  deployment.settings.runtime = "provided.al2023";
  EXPECT_FALSE(guest_variables(deployment, "eu-west-1", "s").contains("AWS_EXECUTION_ENV"));
}

TEST(CredentialVariables, SayWhenTheyEnd) {
  const std::map<std::string, std::string> wanted{{"AWS_ACCESS_KEY_ID", "ASIA"},
                                                  {"AWS_SECRET_ACCESS_KEY", "s"},
                                                  {"AWS_SESSION_TOKEN", "t"},
                                                  {"AWS_CREDENTIAL_EXPIRATION", "2024-01-31T12:00:00.000Z"}};
  EXPECT_EQ(credential_variables({.access_key_id = "ASIA",
                                  .secret_access_key = "s",
                                  .session_token = "t",
                                  .expires = 1'706'702'400}),
            wanted);
}

TEST(LogStreamName, HasDayAndVersion) {
  EXPECT_EQ(
      log_stream_name(std::chrono::system_clock::time_point(std::chrono::seconds(1'706'702'400)), "0123"),
      "2024/01/31/[$LATEST]0123");
}

}  // namespace
}  // namespace caisson::runner
