#include "policies/elements.hh"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "policies/values.hh"

namespace caisson::policies {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kAccountDigits = "0123456789";

bool is_account(std::string_view text) {
  return text.size() == 12 && text.find_first_not_of(kAccountDigits) == std::string_view::npos;
}

/// A string, or an array of at least one.
Result<std::vector<std::string>> read_strings(const Json& json, const std::string& name) {
  std::vector<std::string> texts;
  const Json list = json.is_array() ? json : Json::array({json});
  for (const Json& one : list) {
    if (!one.is_string()) return invalid(name + " must be a string or a list of strings");
    texts.push_back(one.get<std::string>());
  }
  if (texts.empty()) return invalid(name + " must not be empty");
  return texts;
}

Result<std::string> aws_principal(const std::string& text) {
  if (is_account(text)) return "arn:aws:iam::" + text + ":root";
  if (text.find_first_of("*?") != std::string::npos) {
    return invalid("the principal \"" + text + "\" has a wildcard; only \"*\" alone may stand there");
  }
  if (!text.starts_with("arn:")) return invalid("the principal \"" + text + "\" is no account id and no ARN");
  return text;
}

Status add_principals(const std::string& kind, const Json& json, Principals& principals) {
  TRY(const auto texts, read_strings(json, "Principal's " + kind));
  for (const std::string& text : texts) {
    if (kind == "AWS" && text == "*") {
      principals.everyone = true;
    } else if (kind == "AWS") {
      TRY(auto arn, aws_principal(text));
      principals.aws.push_back(std::move(arn));
    } else {
      principals.service.push_back(text);
    }
  }
  return ok();
}

/// "s3:GetObject", "s3:*", "*"
bool is_action(std::string_view text) {
  if (text == "*") return true;
  const auto colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()) return false;
  return std::ranges::all_of(text.substr(0, colon),
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '*'; }) &&
         std::ranges::all_of(text.substr(colon + 1),
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '*' || c == '?'; });
}

struct Operator {
  std::string_view name;
  Comparison comparison;
  bool negated;
};

constexpr Operator kOperators[] = {
    {"StringEquals", Comparison::kStringEquals, false},
    {"StringNotEquals", Comparison::kStringEquals, true},
    {"StringEqualsIgnoreCase", Comparison::kStringEqualsIgnoreCase, false},
    {"StringNotEqualsIgnoreCase", Comparison::kStringEqualsIgnoreCase, true},
    {"StringLike", Comparison::kStringLike, false},
    {"StringNotLike", Comparison::kStringLike, true},
    {"ArnEquals", Comparison::kArnLike, false},
    {"ArnNotEquals", Comparison::kArnLike, true},
    {"ArnLike", Comparison::kArnLike, false},
    {"ArnNotLike", Comparison::kArnLike, true},
    {"NumericEquals", Comparison::kNumericEquals, false},
    {"NumericNotEquals", Comparison::kNumericEquals, true},
    {"NumericLessThan", Comparison::kNumericLessThan, false},
    {"NumericLessThanEquals", Comparison::kNumericLessThanEquals, false},
    {"NumericGreaterThan", Comparison::kNumericGreaterThan, false},
    {"NumericGreaterThanEquals", Comparison::kNumericGreaterThanEquals, false},
    {"Bool", Comparison::kBool, false},
    {"IpAddress", Comparison::kIpAddress, false},
    {"NotIpAddress", Comparison::kIpAddress, true},
    {"Null", Comparison::kNull, false},
};

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// The operator alone; key and values come later.
Result<Condition> read_operator(const std::string& name) {
  Condition condition;
  std::string_view rest = name;
  if (take_prefix(rest, "ForAnyValue:")) {
    condition.qualifier = SetQualifier::kForAnyValue;
  } else if (take_prefix(rest, "ForAllValues:")) {
    condition.qualifier = SetQualifier::kForAllValues;
  }
  condition.if_exists = rest.ends_with("IfExists");
  if (condition.if_exists) rest.remove_suffix(std::string_view("IfExists").size());
  const auto* found = std::ranges::find(kOperators, rest, &Operator::name);
  if (found == std::end(kOperators)) return invalid("the condition operator " + name + " is not supported");
  condition.comparison = found->comparison;
  condition.negated = found->negated;
  if (condition.comparison == Comparison::kNull &&
      (condition.if_exists || condition.qualifier != SetQualifier::kNone)) {
    return invalid("Null takes neither IfExists nor ForAnyValue: or ForAllValues:");
  }
  return condition;
}

/// A scalar as the text that it is compared by.
Result<std::string> scalar_text(const Json& json, const std::string& key) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_boolean() || json.is_number()) return json.dump();
  return invalid("the values of " + key + " must be strings, numbers or booleans");
}

bool takes_patterns(Comparison comparison) {
  return comparison == Comparison::kStringLike || comparison == Comparison::kArnLike;
}

bool takes_variables(Comparison comparison) {
  return takes_patterns(comparison) || comparison == Comparison::kStringEquals ||
         comparison == Comparison::kStringEqualsIgnoreCase;
}

Result<Pattern> read_value(const Condition& condition, const std::string& text, bool variables) {
  if (!takes_variables(condition.comparison)) {
    if (!is_operand(condition.comparison, text)) {
      return invalid("\"" + text + "\" can't be compared with " + condition.key);
    }
    return Pattern::literal(text);
  }
  return Pattern::parse(text, variables, takes_patterns(condition.comparison));
}

Status add_conditions(const std::string& name, const Json& keys, bool variables,
                      std::vector<Condition>& conditions) {
  TRY(const Condition prototype, read_operator(name));
  if (!keys.is_object() || keys.empty()) return invalid(name + " must be an object with keys");
  for (const auto& [key, json] : keys.items()) {
    Condition condition = prototype;
    condition.key = key;
    const Json list = json.is_array() ? json : Json::array({json});
    for (const Json& one : list) {
      TRY(const std::string text, scalar_text(one, key));
      TRY(auto value, read_value(condition, text, variables));
      condition.values.push_back(std::move(value));
    }
    if (condition.values.empty()) return invalid(key + " needs a value");
    conditions.push_back(std::move(condition));
  }
  return ok();
}

}  // namespace

Error invalid(const std::string& what) {
  return {.code = "InvalidPolicyDocument", .message = "The policy document is not valid: " + what};
}

Result<Principals> read_principals(const Json& json) {
  Principals principals;
  if (json == "*") {
    principals.everyone = true;
    return principals;
  }
  if (!json.is_object() || json.empty()) return invalid("Principal must be \"*\" or an object");
  for (const auto& [kind, value] : json.items()) {
    if (kind != "AWS" && kind != "Service")
      return invalid("principals of the kind " + kind + " are not supported");
    TRYV(add_principals(kind, value, principals));
  }
  return principals;
}

Result<std::vector<Pattern>> read_actions(const Json& json) {
  TRY(const auto texts, read_strings(json, "Action"));
  std::vector<Pattern> actions;
  for (const std::string& text : texts) {
    if (!is_action(text)) return invalid("\"" + text + "\" is no action; write \"service:Name\" or \"*\"");
    TRY(auto pattern, Pattern::parse(text, false));
    actions.push_back(std::move(pattern));
  }
  return actions;
}

Result<std::vector<Pattern>> read_resources(const Json& json, bool variables) {
  TRY(const auto texts, read_strings(json, "Resource"));
  std::vector<Pattern> resources;
  for (std::string text : texts) {
    if (text != "*" && !text.starts_with("arn:")) return invalid("\"" + text + "\" is no ARN and not \"*\"");
    // Colons of variables are few enough to leave such an ARN incomplete: it then matches nothing.
    auto fields = text == "*" ? 6 : std::ranges::count(text, ':') + 1;
    for (; fields < 6; ++fields)
      text += ":*";
    TRY(auto pattern, Pattern::parse(text, variables));
    resources.push_back(std::move(pattern));
  }
  return resources;
}

Result<std::vector<Condition>> read_conditions(const Json& json, bool variables) {
  if (!json.is_object()) return invalid("Condition must be an object");
  std::vector<Condition> conditions;
  for (const auto& [name, keys] : json.items()) {
    TRYV(add_conditions(name, keys, variables, conditions));
  }
  return conditions;
}

}  // namespace caisson::policies
