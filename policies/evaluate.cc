#include "policies/evaluate.hh"

#include <algorithm>
#include <cctype>

#include "policies/values.hh"

namespace caisson::policies {
namespace {

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lowered;
}

const std::vector<std::string>& values_of(const Request& request, std::string_view key) {
  static const std::vector<std::string> kNone;
  const auto found = request.context.find(lower(key));
  return found == request.context.end() ? kNone : found->second;
}

/// Patterns with the request's values in them; nothing when one lacks a value.
std::optional<std::vector<ResolvedPattern>> resolve(const std::vector<Pattern>& patterns,
                                                    const Request& request) {
  const Lookup lookup = [&request](std::string_view key) -> std::optional<std::string> {
    const auto& values = values_of(request, key);
    if (values.size() != 1) return std::nullopt;
    return values.front();
  };
  std::vector<ResolvedPattern> resolved;
  resolved.reserve(patterns.size());
  for (const Pattern& pattern : patterns) {
    auto one = pattern.resolve(lookup);
    if (!one) return std::nullopt;
    resolved.push_back(*std::move(one));
  }
  return resolved;
}

bool principal_matches(const Principals& principals, const Principal& asking) {
  if (principals.everyone) return true;
  const auto names = [&principals](const std::string& arn) {
    return !arn.empty() && std::ranges::find(principals.aws, arn) != principals.aws.end();
  };
  // An account's name stands for its root alone: an endpoint's policy delegates nothing (EC2: VPC endpoint policies).
  return names(asking.arn) || names(asking.role_arn) ||
         (!asking.service.empty() &&
          std::ranges::find(principals.service, asking.service) != principals.service.end());
}

bool action_matches(const std::vector<Pattern>& actions, const std::string& action) {
  return std::ranges::any_of(actions, [&action](const Pattern& pattern) {
    return pattern.resolve([](std::string_view) { return std::nullopt; })
        ->matches(action, /*ignore_case=*/true);
  });
}

bool null_holds(const Condition& condition, bool absent) {
  return std::ranges::any_of(
      condition.values, [absent](const Pattern& value) { return (lower(value.text()) == "true") == absent; });
}

/// Of a key that is there.
bool values_hold(const Condition& condition, const std::vector<ResolvedPattern>& operands,
                 const std::vector<std::string>& values) {
  const auto holds = [&](const std::string& value) {
    const bool any = std::ranges::any_of(operands, [&](const ResolvedPattern& operand) {
      return matches(condition.comparison, operand, value);
    });
    return any != condition.negated;
  };
  // Without a qualifier a negated operator speaks of all values, as the positive one speaks of any.
  const bool all = condition.qualifier == SetQualifier::kForAllValues ||
                   (condition.qualifier == SetQualifier::kNone && condition.negated);
  return all ? std::ranges::all_of(values, holds) : std::ranges::any_of(values, holds);
}

bool absent_holds(const Condition& condition) {
  if (condition.if_exists) return true;
  if (condition.qualifier != SetQualifier::kNone) return condition.qualifier == SetQualifier::kForAllValues;
  return condition.negated;
}

bool condition_holds(const Condition& condition, const Request& request) {
  const auto& values = values_of(request, condition.key);
  if (condition.comparison == Comparison::kNull) return null_holds(condition, values.empty());
  const auto operands = resolve(condition.values, request);
  if (!operands) return false;
  return values.empty() ? absent_holds(condition) : values_hold(condition, *operands, values);
}

bool resource_matches(const Statement& statement, const Request& request) {
  const auto resources = resolve(statement.resources, request);
  if (!resources) return false;
  const bool any = std::ranges::any_of(*resources, [&request](const ResolvedPattern& pattern) {
    return pattern.matches_arn(request.resource);
  });
  return any != statement.resources_negated;
}

bool statement_matches(const Statement& statement, const Request& request) {
  return principal_matches(statement.principals, request.principal) != statement.principals_negated &&
         action_matches(statement.actions, request.action) != statement.actions_negated &&
         resource_matches(statement, request) &&
         std::ranges::all_of(statement.conditions,
                             [&request](const Condition& one) { return condition_holds(one, request); });
}

}  // namespace

Decision evaluate(const Policy& policy, const Request& request) {
  Decision decision;
  for (std::size_t i = 0; i < policy.statements.size(); ++i) {
    const Statement& statement = policy.statements[i];
    const bool decided = decision.verdict == Verdict::kAllow && statement.effect == Effect::kAllow;
    if (decided || !statement_matches(statement, request)) continue;
    if (statement.effect == Effect::kDeny) return {.verdict = Verdict::kExplicitDeny, .statement = i};
    decision = {.verdict = Verdict::kAllow, .statement = i};
  }
  return decision;
}

std::string denial_text(const Request& request, Verdict verdict, const std::string& kind) {
  const std::string who = request.principal.arn.empty() ? "anonymous" : request.principal.arn;
  const std::string why = verdict == Verdict::kExplicitDeny
                              ? "with an explicit deny in a " + kind + " policy"
                              : "because no " + kind + " policy allows the " + request.action + " action";
  return "User: " + who + " is not authorized to perform: " + request.action +
         " on resource: " + request.resource + " " + why;
}

}  // namespace caisson::policies
