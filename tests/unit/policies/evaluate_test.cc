#include "policies/evaluate.hh"

#include <gtest/gtest.h>

namespace caisson::policies {
namespace {

Request get_object() {
  return {.principal = {.account = "111122223333",
                        .arn = "arn:aws:sts::111122223333:assumed-role/app/f",
                        .role_arn = "arn:aws:iam::111122223333:role/app",
                        .service = {}},
          .action = "s3:GetObject",
          .resource = "arn:aws:s3:::photos/2026/cat.jpg",
          .context = {{"aws:sourcevpc", {"vpc-1"}},
                      {"aws:sourcevpce", {"vpce-1"}},
                      {"aws:vpcsourceip", {"10.0.1.5"}},
                      {"aws:securetransport", {"true"}},
                      {"aws:username", {"photos"}},
                      {"s3:max-keys", {"7"}},
                      {"aws:tagkeys", {"a", "b"}}}};
}

Decision decide(const std::string& statements, const Request& request = get_object()) {
  const auto policy = parse_policy(R"({"Version":"2012-10-17","Statement":[)" + statements + "]}");
  EXPECT_TRUE(policy) << policy.error().text();
  return policy ? evaluate(policy.value(), request) : Decision{};
}

std::string statement(const std::string& effect, const std::string& rest) {
  return R"({"Effect":")" + effect + "\"," + rest + "}";
}

std::string when(const std::string& condition) {
  return statement("Allow", R"("Principal":"*","Action":"*","Resource":"*","Condition":)" + condition);
}

bool holds(const std::string& condition) {
  return decide(when(condition)).verdict == Verdict::kAllow;
}

constexpr Decision kNothing{};
constexpr Decision allowed_by(std::size_t statement) {
  return {Verdict::kAllow, statement};
}
constexpr Decision denied_by(std::size_t statement) {
  return {Verdict::kExplicitDeny, statement};
}

TEST(Evaluate, NothingThatMatchesIsAnImplicitDeny) {
  EXPECT_EQ(decide(statement("Allow", R"("Principal":"*","Action":"s3:PutObject","Resource":"*")")),
            kNothing);
  EXPECT_EQ(decide(statement("Deny", R"("Principal":"*","Action":"s3:PutObject","Resource":"*")")), kNothing);
  EXPECT_EQ(evaluate(parse_policy(default_document()).value(), get_object()), allowed_by(0));
}

TEST(Evaluate, AnExplicitDenyWinsWhereverItStands) {
  const std::string allow =
      statement("Allow", R"("Principal":"*","Action":"s3:get*","Resource":"arn:aws:s3:::photos/*")");
  const std::string deny =
      statement("Deny", R"("Principal":"*","Action":"*","Resource":"arn:aws:s3:::*/2026/*")");
  EXPECT_EQ(decide(allow), allowed_by(0));
  EXPECT_EQ(decide(allow + "," + deny), denied_by(1));
  EXPECT_EQ(decide(deny + "," + allow), denied_by(0));
  EXPECT_EQ(decide(allow + "," + allow), allowed_by(0)) << "the first that decided";
}

TEST(Evaluate, Principals) {
  const auto by = [](const std::string& principal) {
    return decide(statement("Allow", principal + R"(,"Action":"*","Resource":"*")")).verdict ==
           Verdict::kAllow;
  };
  EXPECT_TRUE(by(R"("Principal":{"AWS":"*"})"));
  EXPECT_TRUE(by(R"("Principal":{"AWS":"arn:aws:iam::111122223333:role/app"})"));
  EXPECT_TRUE(by(R"("Principal":{"AWS":["arn:aws:sts::111122223333:assumed-role/app/f"]})"));
  EXPECT_FALSE(by(R"("Principal":{"AWS":"arn:aws:iam::111122223333:role/other"})"));
  EXPECT_FALSE(by(R"("Principal":{"AWS":"111122223333"})")) << "stands for the account's root";
  EXPECT_FALSE(by(R"("Principal":{"Service":"lambda.amazonaws.com"})"));
  EXPECT_TRUE(by(R"("NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/other"})"));
  EXPECT_FALSE(by(R"("NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/app"})"));
  Request root = get_object();
  root.principal = {
      .account = "111122223333", .arn = "arn:aws:iam::111122223333:root", .role_arn = {}, .service = {}};
  EXPECT_EQ(
      decide(statement("Allow", R"("Principal":{"AWS":"111122223333"},"Action":"*","Resource":"*")"), root),
      allowed_by(0));
  Request anonymous = get_object();
  anonymous.principal = {};
  EXPECT_EQ(decide(statement("Allow", R"("Principal":"*","Action":"*","Resource":"*")"), anonymous),
            allowed_by(0));
  EXPECT_EQ(
      decide(statement("Allow", R"("Principal":{"AWS":"arn:aws:iam::1:root"},"Action":"*","Resource":"*")"),
             anonymous),
      kNothing);
}

TEST(Evaluate, NotActionAndNotResource) {
  EXPECT_EQ(decide(statement("Allow", R"("Principal":"*","NotAction":"s3:Put*","Resource":"*")")),
            allowed_by(0));
  EXPECT_EQ(decide(statement("Allow", R"("Principal":"*","NotAction":"S3:GET*","Resource":"*")")), kNothing);
  EXPECT_EQ(
      decide(statement("Deny", R"("Principal":"*","Action":"*","NotResource":"arn:aws:s3:::photos/*")")),
      kNothing);
  EXPECT_EQ(decide(statement("Deny", R"("Principal":"*","Action":"*","NotResource":"arn:aws:s3:::music/*")")),
            denied_by(0));
}

TEST(Evaluate, VariablesOfTheRequest) {
  EXPECT_EQ(decide(statement("Allow",
                             R"("Principal":"*","Action":"*","Resource":"arn:aws:s3:::${aws:username}/*")")),
            allowed_by(0));
  EXPECT_EQ(decide(statement(
                "Deny", R"("Principal":"*","Action":"*","NotResource":"arn:aws:s3:::${aws:nothing}/*")")),
            kNothing)
      << "a statement whose variable has no value does not match";
  EXPECT_EQ(decide(statement(
                "Allow", R"("Principal":"*","Action":"*","NotResource":"arn:aws:s3:::${aws:tagkeys}/*")")),
            kNothing)
      << "several values are none";
  EXPECT_TRUE(holds(R"({"StringEquals":{"aws:username":"${aws:UserName}"}})"));
  EXPECT_FALSE(holds(R"({"StringNotEquals":{"aws:sourcevpc":"${aws:nothing}"}})"));
}

TEST(Evaluate, Operators) {
  EXPECT_TRUE(holds(R"({"StringEquals":{"AWS:SourceVpc":["vpc-2","vpc-1"]}})"));
  EXPECT_FALSE(holds(R"({"StringEquals":{"aws:SourceVpc":"VPC-1"}})"));
  EXPECT_FALSE(holds(R"({"StringEquals":{"aws:SourceVpc":"vpc-*"}})")) << "no wildcards here";
  EXPECT_TRUE(holds(R"({"StringEqualsIgnoreCase":{"aws:SourceVpc":"VPC-1"}})"));
  EXPECT_TRUE(holds(R"({"StringLike":{"aws:SourceVpc":"vpc-?"}})"));
  EXPECT_FALSE(holds(R"({"StringNotLike":{"aws:SourceVpc":["x","vpc-?"]}})")) << "none of the values";
  EXPECT_TRUE(holds(R"({"StringNotEquals":{"aws:SourceVpc":["x","y"]}})"));
  EXPECT_TRUE(holds(R"({"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/16"}})"));
  EXPECT_TRUE(holds(R"({"IpAddress":{"aws:VpcSourceIp":"10.0.1.5"}})"));
  EXPECT_FALSE(holds(R"({"IpAddress":{"aws:VpcSourceIp":["10.1.0.0/16","fd00::/8"]}})"));
  EXPECT_TRUE(holds(R"({"NotIpAddress":{"aws:VpcSourceIp":"10.1.0.0/16"}})"));
  EXPECT_FALSE(holds(R"({"IpAddress":{"aws:username":"0.0.0.0/0"}})")) << "no address";
  EXPECT_TRUE(holds(R"({"Bool":{"aws:SecureTransport":true}})"));
  EXPECT_FALSE(holds(R"({"Bool":{"aws:SecureTransport":"False"}})"));
  EXPECT_TRUE(holds(R"({"NumericLessThanEquals":{"s3:max-keys":7}})"));
  EXPECT_FALSE(holds(R"({"NumericGreaterThan":{"s3:max-keys":"7.0"}})"));
  EXPECT_FALSE(holds(R"({"NumericEquals":{"aws:username":7}})"));
  EXPECT_TRUE(holds(R"({"ArnLike":{"aws:username":"*"}})"));
  EXPECT_FALSE(holds(R"({"StringEquals":{"aws:SourceVpc":"vpc-1","aws:SourceVpce":"x"}})")) << "all keys";
  EXPECT_FALSE(holds(R"({"StringEquals":{"aws:SourceVpc":"vpc-1"},"StringLike":{"aws:SourceVpce":"x"}})"))
      << "all operators";
}

TEST(Evaluate, AbsentKeys) {
  EXPECT_FALSE(holds(R"({"StringEquals":{"aws:SourceIp":"x"}})"));
  EXPECT_TRUE(holds(R"({"StringNotEquals":{"aws:SourceIp":"x"}})"));
  EXPECT_TRUE(holds(R"({"StringEqualsIfExists":{"aws:SourceIp":"x"}})"));
  EXPECT_FALSE(holds(R"({"StringEqualsIfExists":{"aws:SourceVpc":"x"}})"));
  EXPECT_FALSE(holds(R"({"Bool":{"aws:nothing":"false"}})"));
  EXPECT_FALSE(holds(R"({"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}})"));
  EXPECT_TRUE(holds(R"({"NotIpAddress":{"aws:SourceIp":"0.0.0.0/0"}})"));
  EXPECT_TRUE(holds(R"({"Null":{"aws:SourceIp":"true"}})"));
  EXPECT_FALSE(holds(R"({"Null":{"aws:SourceIp":"false"}})"));
  EXPECT_TRUE(holds(R"({"Null":{"aws:SourceVpce":false}})"));
}

TEST(Evaluate, KeysWithSeveralValues) {
  EXPECT_TRUE(holds(R"({"ForAllValues:StringEquals":{"aws:TagKeys":["a","b","c"]}})"));
  EXPECT_FALSE(holds(R"({"ForAllValues:StringEquals":{"aws:TagKeys":["a"]}})"));
  EXPECT_TRUE(holds(R"({"ForAllValues:StringEquals":{"aws:nothing":["a"]}})"));
  EXPECT_TRUE(holds(R"({"ForAnyValue:StringEquals":{"aws:TagKeys":["b"]}})"));
  EXPECT_FALSE(holds(R"({"ForAnyValue:StringEquals":{"aws:nothing":["b"]}})"));
  EXPECT_TRUE(holds(R"({"ForAnyValue:StringEqualsIfExists":{"aws:nothing":["b"]}})"));
  EXPECT_TRUE(holds(R"({"ForAnyValue:StringNotEquals":{"aws:TagKeys":["b"]}})"));
  EXPECT_FALSE(holds(R"({"ForAllValues:StringNotEquals":{"aws:TagKeys":["b"]}})"));
}

TEST(Evaluate, DenialsAreWordedAsAwsDoes) {
  EXPECT_EQ(denial_text(get_object(), Verdict::kImplicitDeny, "VPC endpoint"),
            "User: arn:aws:sts::111122223333:assumed-role/app/f is not authorized to perform: s3:GetObject "
            "on resource: "
            "arn:aws:s3:::photos/2026/cat.jpg because no VPC endpoint policy allows the s3:GetObject action");
  EXPECT_TRUE(denial_text(get_object(), Verdict::kExplicitDeny, "VPC endpoint")
                  .ends_with("with an explicit deny in a VPC endpoint policy"));
}

}  // namespace
}  // namespace caisson::policies
