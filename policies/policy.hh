// A policy document as a checked tree. Whoever holds one needs to check nothing again.
//
// Source: IAM User Guide, "IAM JSON policy elements reference" and "Grammar of the IAM JSON policy language". What a
// document says and this tree can't hold (an operator or element that is unknown) is an error, never ignored.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hh"
#include "policies/pattern.hh"

namespace caisson::policies {

/// EC2's limit for an endpoint policy, white space included.
inline constexpr std::size_t kMaxDocument = 20'480;

enum class Effect : unsigned char { kAllow, kDeny };

/// What a value of the request is compared by.
enum class Comparison : unsigned char {
  kStringEquals,
  kStringEqualsIgnoreCase,
  kStringLike,
  kArnLike,  ///< ArnEquals too: they are the same
  kNumericEquals,
  kNumericLessThan,
  kNumericLessThanEquals,
  kNumericGreaterThan,
  kNumericGreaterThanEquals,
  kBool,
  kIpAddress,
  kNull,
};

/// How a key with several values is taken.
enum class SetQualifier : unsigned char { kNone, kForAnyValue, kForAllValues };

/// One key of one operator.
struct Condition {
  Comparison comparison = Comparison::kStringEquals;
  bool negated = false;    ///< StringNotEquals, NotIpAddress, ...
  bool if_exists = false;  ///< holds when the key is absent
  SetQualifier qualifier = SetQualifier::kNone;
  std::string key;              ///< as written; keys are compared without regard to case
  std::vector<Pattern> values;  ///< at least one
};

/// Who: any of these.
struct Principals {
  bool everyone = false;             ///< "*"
  std::vector<std::string> aws;      ///< ARNs, and "arn:aws:iam::<account>:root" for an account
  std::vector<std::string> service;  ///< "lambda.amazonaws.com"
};

/// Either of the two of each kind; `negated` is the Not- form.
struct Statement {
  std::string sid;  ///< may be empty
  Effect effect = Effect::kDeny;
  Principals principals;
  bool principals_negated = false;
  std::vector<Pattern> actions;  ///< compared without regard to case
  bool actions_negated = false;
  std::vector<Pattern> resources;
  bool resources_negated = false;
  std::vector<Condition> conditions;
};

struct Policy {
  std::string id;
  std::vector<Statement> statements;
};

/// A policy that is attached to a resource or an endpoint: Principal is required.
/// Errors: InvalidPolicyDocument, with a sentence that names the statement and what is wrong.
/// Pure; any thread.
Result<Policy> parse_policy(std::string_view document);

/// Allows everyone everything: what an endpoint has when nothing else was given.
std::string_view default_document();

}  // namespace caisson::policies
