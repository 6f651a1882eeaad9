#include "policies/policy.hh"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/strict_json.hh"
#include "policies/elements.hh"

namespace caisson::policies {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxDepth = 8;

Status check_members(const Json& object, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object.items()) {
    if (std::ranges::find(known, name) == known.end()) return invalid("there is no element " + name);
  }
  return ok();
}

/// Exactly one of an element and its Not- form; tells which.
Result<bool> is_negated(const Json& statement, const std::string& name) {
  const bool plain = statement.contains(name);
  const bool negated = statement.contains("Not" + name);
  if (plain == negated) return invalid("it needs either " + name + " or Not" + name);
  return negated;
}

Result<std::string> optional_text(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  if (found == object.end()) return std::string();
  if (!found->is_string()) return invalid(name + " must be a string");
  return found->get<std::string>();
}

Result<Statement> read_statement(const Json& json, bool variables) {
  if (!json.is_object()) return invalid("it must be an object");
  TRYV(check_members(json, {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource",
                            "NotResource", "Condition"}));
  Statement statement;
  TRY(statement.sid, optional_text(json, "Sid"));
  TRY(const std::string effect, optional_text(json, "Effect"));
  if (effect != "Allow" && effect != "Deny") return invalid("Effect must be Allow or Deny");
  statement.effect = effect == "Allow" ? Effect::kAllow : Effect::kDeny;
  TRY(statement.principals_negated, is_negated(json, "Principal"));
  TRY(statement.principals,
      read_principals(json.at(statement.principals_negated ? "NotPrincipal" : "Principal")));
  TRY(statement.actions_negated, is_negated(json, "Action"));
  TRY(statement.actions, read_actions(json.at(statement.actions_negated ? "NotAction" : "Action")));
  TRY(statement.resources_negated, is_negated(json, "Resource"));
  TRY(statement.resources,
      read_resources(json.at(statement.resources_negated ? "NotResource" : "Resource"), variables));
  if (const auto found = json.find("Condition"); found != json.end()) {
    TRY(statement.conditions, read_conditions(*found, variables));
  }
  return statement;
}

/// "statement 2 (Sid "Reads")": people count from one.
std::string place(const Json& json, std::size_t index) {
  std::string text = "statement " + std::to_string(index + 1);
  if (json.is_object() && json.contains("Sid") && json.at("Sid").is_string()) {
    text += " (Sid \"" + json.at("Sid").get<std::string>() + "\")";
  }
  return text;
}

Status add_statements(const Json& statements, bool variables, Policy& policy) {
  std::set<std::string> sids;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    auto statement = read_statement(statements.at(i), variables);
    if (!statement) return std::move(statement).error().within(place(statements.at(i), i));
    if (!statement.value().sid.empty() && !sids.insert(statement.value().sid).second) {
      return invalid("two statements have the Sid \"" + statement.value().sid + "\"");
    }
    policy.statements.push_back(std::move(statement).value());
  }
  return ok();
}

}  // namespace

Result<Policy> parse_policy(std::string_view document) {
  if (document.size() > kMaxDocument) {
    return invalid("the document has more than " + std::to_string(kMaxDocument) + " characters");
  }
  JsonRefusal refusal;
  const auto parsed = parse_strictly(document, kMaxDepth, refusal);
  if (!parsed) return invalid(refusal.why);
  const Json& json = *parsed;
  if (!json.is_object()) return invalid("it must be an object");
  TRYV(check_members(json, {"Version", "Id", "Statement"}));
  TRY(const std::string version, optional_text(json, "Version"));
  if (!version.empty() && version != "2012-10-17" && version != "2008-10-17") {
    return invalid("Version must be 2012-10-17 or 2008-10-17");
  }
  Policy policy;
  TRY(policy.id, optional_text(json, "Id"));
  if (!json.contains("Statement")) return invalid("it needs a Statement");
  const Json& statement = json.at("Statement");
  const Json statements = statement.is_array() ? statement : Json::array({statement});
  if (statements.empty()) return invalid("it needs at least one statement");
  TRYV(add_statements(statements, version == "2012-10-17", policy));
  return policy;
}

std::string_view default_document() {
  return R"({"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]})";
}

}  // namespace caisson::policies
