#include "policies/policy.hh"

#include <gmock/gmock.h>

namespace caisson::policies {
namespace {

using testing::HasSubstr;

std::string with(const std::string& members) {
  return R"({"Version":"2012-10-17","Statement":[{)" + members + "}]}";
}

constexpr const char* kRest = R"("Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*")";

TEST(ParsePolicy, TakesWhatTheGrammarAllows) {
  const auto policy = parse_policy(R"({
    "Version": "2012-10-17", "Id": "P",
    "Statement": {
      "Sid": "One", "Effect": "Deny",
      "NotPrincipal": {"AWS": ["111122223333", "arn:aws:iam::1:role/R"], "Service": "lambda.amazonaws.com"},
      "NotAction": ["s3:Get*", "dynamodb:?etItem"], "NotResource": ["arn:aws:s3:::b/*", "arn:aws:sqs"],
      "Condition": {"ForAnyValue:StringNotLikeIfExists": {"aws:TagKeys": ["a", "b"]}, "Bool": {"aws:SecureTransport": false},
                    "NumericLessThan": {"s3:max-keys": 10}, "IpAddress": {"aws:VpcSourceIp": ["10.0.0.0/8", "fd00::1"]}}}})");
  ASSERT_TRUE(policy) << policy.error().text();
  EXPECT_EQ(policy.value().id, "P");
  const Statement& statement = policy.value().statements.at(0);
  EXPECT_EQ(statement.sid, "One");
  EXPECT_EQ(statement.effect, Effect::kDeny);
  EXPECT_TRUE(statement.principals_negated && statement.actions_negated && statement.resources_negated);
  EXPECT_EQ(statement.principals.aws.at(0), "arn:aws:iam::111122223333:root");
  EXPECT_EQ(statement.resources.at(1).text(), "arn:aws:sqs:*:*:*");
  ASSERT_EQ(statement.conditions.size(), 4U);
  const Condition& tags = statement.conditions.at(1);
  EXPECT_EQ(tags.key, "aws:TagKeys");
  EXPECT_TRUE(tags.negated && tags.if_exists && tags.qualifier == SetQualifier::kForAnyValue);
  EXPECT_TRUE(parse_policy(default_document()));
}

TEST(ParsePolicy, SaysWhatIsWrong) {
  const std::string rest = kRest;
  const struct {
    std::string document;
    const char* said;
  } cases[] = {
      {"", "not JSON"},
      {"[]", "an object"},
      {"{}", "needs a Statement"},
      {R"({"Statement":[]})", "at least one"},
      {R"({"Statement":["x"]})", "statement 1"},
      {R"({"Version":"2013-01-01","Statement":{}})", "Version"},
      {R"({"Statment":[]})", "no element Statment"},
      {with(rest + R"(,"Effect":"Deny")"), "comes twice"},
      {with(R"("Effect":"allow","Principal":"*","Action":"*","Resource":"*")"), "Allow or Deny"},
      {with(R"("Effect":"Allow","Action":"*","Resource":"*")"), "Principal or NotPrincipal"},
      {with(rest + R"(,"NotAction":"*")"), "Action or NotAction"},
      {with(rest + R"(,"Sid":1)"), "Sid must be a string"},
      {with(R"("Effect":"Allow","Principal":"x","Action":"*","Resource":"*")"), "Principal"},
      {with(R"("Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:role/*"},"Action":"*","Resource":"*")"),
       "wildcard"},
      {with(R"("Effect":"Allow","Principal":{"Federated":"x"},"Action":"*","Resource":"*")"), "Federated"},
      {with(R"("Effect":"Allow","Principal":"*","Action":[],"Resource":"*")"), "must not be empty"},
      {with(R"("Effect":"Allow","Principal":"*","Action":"GetObject","Resource":"*")"), "is no action"},
      {with(R"("Effect":"Allow","Principal":"*","Action":"*","Resource":"bucket")"), "no ARN"},
      {with(rest + R"(,"Condition":{"StringMatches":{"a":"b"}})"), "StringMatches is not supported"},
      {with(rest + R"(,"Condition":{"NullIfExists":{"a":"true"}})"), "Null"},
      {with(rest + R"(,"Condition":{"Bool":{"a":"yes"}})"), "can't be compared"},
      {with(rest + R"(,"Condition":{"NumericEquals":{"a":"1x"}})"), "can't be compared"},
      {with(rest + R"(,"Condition":{"IpAddress":{"a":"10.0.0.0/33"}})"), "can't be compared"},
      {with(rest + R"(,"Condition":{"StringEquals":{"a":[]}})"), "needs a value"},
      {with(rest + R"(,"Condition":{"StringEquals":{"a":[{}]}})"), "strings, numbers"},
      {with(rest + R"(,"Condition":{"StringEquals":{"a":"${aws:x"}})"), "closing brace"},
      {R"({"Statement":[{)" + rest + R"(,"Sid":"a"},{)" + rest + R"(,"Sid":"a"}]})", "two statements"},
      {std::string(20'481, ' '), "20480"},
      {std::string(100, '['), "too deeply"},
  };
  for (const auto& c : cases) {
    const auto policy = parse_policy(c.document);
    ASSERT_FALSE(policy) << c.document;
    EXPECT_EQ(policy.error().code, "InvalidPolicyDocument");
    EXPECT_THAT(policy.error().message, HasSubstr(c.said)) << c.document;
  }
  EXPECT_THAT(parse_policy(R"({"Statement":[{"Sid":"Reads"}]})").error().message, HasSubstr("Sid \"Reads\""));
}

}  // namespace
}  // namespace caisson::policies
