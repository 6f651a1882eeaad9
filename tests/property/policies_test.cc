// The evaluator against a naive one, and what must hold of any policy.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <nlohmann/json.hpp>
#include <random>

#include "policies/evaluate.hh"
#include "tests/property/naive_policy.hh"

namespace caisson::test {
namespace {

using Json = nlohmann::json;
using policies::Request;
using policies::Verdict;

/// Few names, so that much of what is asked is also spoken of.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  int below(int end) { return std::uniform_int_distribution<int>(0, end - 1)(engine_); }
  bool once_in(int n) { return below(n) == 0; }
  std::string of(std::initializer_list<const char*> texts) {
    return std::data(texts)[below(static_cast<int>(texts.size()))];
  }

  std::string arn() {
    return "arn:aws:iam::" + of({"111122223333:", "444455556666:"}) + of({"role/app", "role/web", "root"});
  }
  std::string action() { return of({"s3:", "dynamodb:"}) + of({"GetObject", "PutObject", "GetItem"}); }
  std::string action_pattern() {
    return of({"*", "s3:*", "s3:get*", "s3:?utObject", "dynamodb:Get*", "s3:GetObject", "*:*Item"});
  }
  std::string resource() {
    return "arn:aws:" + of({"s3", "dynamodb"}) + of({":::", ":us-east-1:111122223333:"}) +
           of({"app", "web", "a*b"}) + of({"", "/x", "/x:y", "/app"});
  }
  std::string resource_pattern() {
    return once_in(4)
               ? "*"
               : "arn:aws:" + of({"s3", "*", "dynamodb"}) + of({":::", ":*:*:", ":us-*:111122223333:"}) +
                     of({"*", "app*", "${aws:username}*", "*/x?y", "a${*}b", "*/${aws:username}",
                         "${aws:none}"});
  }
  std::string key() {
    return of({"aws:SourceVpc", "aws:sourcevpce", "aws:username", "aws:TagKeys", "s3:max-keys",
               "aws:VpcSourceIp", "aws:secureTransport"});
  }

  Request request() {
    Request made{.principal = {}, .action = action(), .resource = resource(), .context = {}};
    if (!once_in(5)) {
      made.principal.arn = arn();
      if (once_in(2)) made.principal.role_arn = arn();
    }
    if (once_in(8)) made.principal.service = "lambda.amazonaws.com";
    const auto put = [&](const char* name, std::vector<std::string> values) {
      if (!once_in(3)) made.context[name] = std::move(values);
    };
    put("aws:sourcevpc", {of({"vpc-1", "vpc-2"})});
    put("aws:sourcevpce", {of({"vpce-1", "VPCE-1"})});
    put("aws:username", {of({"app", "web", "a*b"})});
    put("aws:tagkeys",
        once_in(2) ? std::vector<std::string>{"a", "b"} : std::vector<std::string>{of({"a", "b", "c"})});
    put("s3:max-keys", {of({"1", "7", "7.5", "x"})});
    put("aws:vpcsourceip", {of({"10.0.1.5", "10.1.0.1", "192.0.2.1", "x"})});
    put("aws:securetransport", {of({"true", "false", "True"})});
    return made;
  }

  Json document() {
    Json statements = Json::array();
    for (int i = 2 + below(9); i > 0; --i)
      statements.push_back(statement());
    Json made{{"Statement", statements.size() == 1 && once_in(2) ? statements[0] : statements}};
    if (!once_in(4)) made["Version"] = "2012-10-17";
    return made;
  }

  Json statement() {
    Json made{{"Effect", once_in(9) ? "Deny" : "Allow"}};
    made[once_in(6) ? "NotPrincipal" : "Principal"] = principals();
    made[once_in(5) ? "NotAction" : "Action"] = several([this] { return action_pattern(); });
    made[once_in(5) ? "NotResource" : "Resource"] = several([this] { return resource_pattern(); });
    if (once_in(2)) made["Condition"] = conditions();
    return made;
  }

 private:
  Json principals() {
    if (!once_in(3)) return "*";
    Json made{{"AWS", several([this]() -> std::string {
                 return once_in(4) ? "*" : once_in(3) ? "111122223333" : arn();
               })}};
    if (once_in(3)) made["Service"] = "lambda.amazonaws.com";
    return made;
  }

  template <class Make>
  Json several(Make make) {
    if (once_in(2)) return make();
    Json made = Json::array();
    for (int i = 1 + below(3); i > 0; --i)
      made.push_back(make());
    return made;
  }

  Json conditions() {
    Json made = Json::object();
    for (int i = 1 + below(2); i > 0; --i)
      add_condition(made);
    return made;
  }

  void add_condition(Json& made) {
    const std::string set = once_in(4) ? of({"ForAnyValue:", "ForAllValues:"}) : "";
    const std::string tail = once_in(4) ? "IfExists" : "";
    switch (below(6)) {
      case 0:
        made["Null"][key()] = of({"true", "false"});
        return;
      case 1:
        made[set + "Bool" + tail][key()] = of({"true", "false"});
        return;
      case 2:
        made[set + of({"IpAddress", "NotIpAddress"}) + tail][key()] = several([this] {
          return of({"10.0.0.0/16", "10.0.1.5", "0.0.0.0/0", "192.0.2.0/31"});
        });
        return;
      case 3:
        made[set + of({"NumericEquals", "NumericLessThan", "NumericGreaterThanEquals", "NumericNotEquals"}) +
             tail][key()] = below(9);
        return;
      default:
        made[set +
             of({"StringEquals", "StringNotEquals", "StringLike", "StringNotLike",
                 "StringEqualsIgnoreCase"}) +
             tail][key()] = several([this] {
          return of(
              {"vpc-1", "VPCE-1", "*-1", "a", "b", "app", "${aws:username}", "a*b", "?pp", "${aws:none}"});
        });
    }
  }

  std::mt19937_64 engine_;
};

Verdict verdict_of(const Json& document, const Request& request) {
  const auto policy = policies::parse_policy(document.dump());
  RC_ASSERT(policy.has_value());
  return policies::evaluate(policy.value(), request).verdict;
}

/// A differential test says little where both always refuse.
TEST(Policies, AgreeWithANaiveReading) {
  std::map<Verdict, int> seen;
  int cases = 0;
  const bool held = rc::check([&](std::uint64_t seed) {
    Random random(seed);
    for (int i = 0; i < 50; ++i) {
      const Json document = random.document();
      const Request request = random.request();
      const Verdict expected = naive_verdict(document, request);
      if (verdict_of(document, request) != expected)
        RC_FAIL(document.dump() + " " + request.action + " " + request.resource);
      ++seen[expected];
      ++cases;
    }
  });
  EXPECT_TRUE(held);
  RecordProperty("allowed_percent", seen[Verdict::kAllow] * 100 / cases);
  EXPECT_GE(seen[Verdict::kAllow] * 10, cases * 3);
  EXPECT_GE(seen[Verdict::kImplicitDeny], 100);
  EXPECT_GE(seen[Verdict::kExplicitDeny], 100);
}

TEST(Policies, OneMoreDenyNeverAllowsMore) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    Random random(seed);
    Json document = random.document();
    const Request request = random.request();
    const Verdict before = verdict_of(document, request);
    Json statements =
        document["Statement"].is_array() ? document["Statement"] : Json::array({document["Statement"]});
    Json deny = random.statement();
    deny["Effect"] = "Deny";
    statements.insert(statements.begin() + random.below(static_cast<int>(statements.size()) + 1), deny);
    document["Statement"] = statements;
    const Verdict after = verdict_of(document, request);
    RC_ASSERT(after == before || after == Verdict::kExplicitDeny);
  }));
}

TEST(Policies, TheOrderOfStatementsDecidesNothing) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    Random random(seed);
    Json document = random.document();
    const Request request = random.request();
    const Verdict before = verdict_of(document, request);
    if (document["Statement"].is_array())
      std::reverse(document["Statement"].begin(), document["Statement"].end());
    RC_ASSERT(verdict_of(document, request) == before);
  }));
}

TEST(Policies, TheStatementThatDecidedDecidesAlone) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    Random random(seed);
    Json document = random.document();
    const Request request = random.request();
    const auto decision = policies::evaluate(policies::parse_policy(document.dump()).value(), request);
    if (!decision.statement) return;
    if (document["Statement"].is_array())
      document["Statement"] = Json::array({document["Statement"][*decision.statement]});
    RC_ASSERT(verdict_of(document, request) == decision.verdict);
  }));
}

}  // namespace
}  // namespace caisson::test
