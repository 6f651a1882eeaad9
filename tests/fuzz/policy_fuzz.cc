// A policy document as a caller of CreateVpcEndpoint sends it, and what it says of a request.
#include "policies/evaluate.hh"
#include "tests/fuzz/fuzz.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace caisson;
  static const policies::Request kRequest{.principal = {.account = "111122223333",
                                                        .arn = "arn:aws:sts::111122223333:assumed-role/app/f",
                                                        .role_arn = {},
                                                        .service = {}},
                                          .action = "s3:GetObject",
                                          .resource = "arn:aws:s3:::photos/2026/cat.jpg",
                                          .context = {{"aws:sourcevpc", {"vpc-1"}},
                                                      {"aws:vpcsourceip", {"10.0.1.5"}},
                                                      {"aws:username", {"photos"}},
                                                      {"aws:tagkeys", {"a", "b"}}}};
  const auto policy = policies::parse_policy(fuzz::view(data, size));
  if (!policy) {
    REQUIRE(policy.error().code == "InvalidPolicyDocument");
    return 0;
  }
  const auto decision = policies::evaluate(policy.value(), kRequest);
  REQUIRE(decision.statement.has_value() == (decision.verdict != policies::Verdict::kImplicitDeny));
  REQUIRE(!decision.statement || *decision.statement < policy.value().statements.size());
  return 0;
}
