#include "tests/property/naive_policy.hh"

#include <arpa/inet.h>

#include <boost/algorithm/string.hpp>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

namespace caisson::test {
namespace {

using Json = nlohmann::json;
using policies::Request;
using Texts = std::vector<std::string>;

struct Unresolved {};

Json list(const Json& json) {
  return json.is_array() ? json : Json::array({json});
}

std::string quoted(const std::string& text) {
  static const std::regex kSpecial(R"([.^$|()\[\]{}*+?\\])");
  return std::regex_replace(text, kSpecial, R"(\$&)");
}

/// A policy's text as a regular expression; throws Unresolved. Without `wildcards` a star is a star.
std::string expression(const std::string& text, const Request& request, bool variables, bool wildcards) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (variables && text.compare(i, 2, "${") == 0) {
      const auto end = text.find('}', i);
      const std::string key = text.substr(i + 2, end - i - 2);
      i = end;
      if (key == "*" || key == "?" || key == "$") {
        out += quoted(key);
        continue;
      }
      const auto found = request.context.find(boost::to_lower_copy(key));
      if (found == request.context.end() || found->second.size() != 1) throw Unresolved();
      out += quoted(found->second[0]);
    } else if (wildcards && text[i] == '*') {
      out += "[^]*";
    } else if (wildcards && text[i] == '?') {
      out += "[^]";
    } else {
      out += quoted(std::string(1, text[i]));
    }
  }
  return out;
}

bool like(const std::string& text, const std::string& pattern,
          std::regex::flag_type flags = std::regex::ECMAScript) {
  return std::regex_match(text, std::regex(pattern, flags));
}

Texts segments(std::string text) {
  Texts made;
  for (int i = 0; i < 5 && text.find(':') != std::string::npos; ++i) {
    made.push_back(text.substr(0, text.find(':')));
    text.erase(0, text.find(':') + 1);
  }
  made.push_back(text);
  return made;
}

/// Segment by segment: five that hold no colon, then the rest.
bool arn_like(const std::string& text, const std::string& pattern, const Request& request, bool variables) {
  if (pattern == "*") return true;
  const Texts wanted = segments(pattern);
  const Texts there = segments(text);
  if (wanted.size() != 6 || there.size() != 6) throw std::logic_error("the generator makes whole ARNs");
  bool all = true;  // no early end: a variable without a value may come later
  for (std::size_t i = 0; i < 6; ++i)
    all = like(there[i], expression(wanted[i], request, variables, true)) && all;
  return all;
}

bool in_block(const std::string& value, const std::string& block) {
  in_addr address{};
  in_addr base{};
  const auto slash = block.find('/');
  const int length = slash == std::string::npos ? 32 : std::atoi(block.c_str() + slash + 1);
  if (inet_pton(AF_INET, value.c_str(), &address) != 1) return false;
  inet_pton(AF_INET, block.substr(0, slash).c_str(), &base);
  const std::uint64_t width = std::uint64_t{1} << (32 - length);
  return ntohl(address.s_addr) / width == ntohl(base.s_addr) / width;
}

bool one_holds(const std::string& op, const std::string& value, const Json& operand, const Request& request,
               bool variables) {
  const std::string text = operand.is_string() ? operand.get<std::string>() : operand.dump();
  const auto flags = std::regex::ECMAScript;
  if (op == "StringEquals") return like(value, expression(text, request, variables, false));
  if (op == "StringEqualsIgnoreCase")
    return like(value, expression(text, request, variables, false), flags | std::regex::icase);
  if (op == "StringLike") return like(value, expression(text, request, variables, true));
  if (op == "ArnLike") return arn_like(value, text, request, variables);
  if (op == "Bool") return boost::iequals(value, text);
  if (op == "IpAddress") return in_block(value, text);
  char* end = nullptr;
  const double left = std::strtod(value.c_str(), &end);
  if (value.empty() || *end != 0) return false;
  const double right = std::strtod(text.c_str(), nullptr);
  if (op == "NumericLessThan") return left < right;
  if (op == "NumericGreaterThanEquals") return left >= right;
  if (op == "NumericEquals") return left == right;
  throw std::logic_error(op);
}

/// The operator's positive form, and whether it was a negated one.
std::pair<std::string, bool> positive(std::string op) {
  if (op == "NotIpAddress") return {"IpAddress", true};
  const auto at = op.find("Not");
  if (at == std::string::npos) return {op, false};
  return {op.erase(at, 3), true};
}

bool key_holds(std::string op, const std::string& key, const Json& operands, const Request& request,
               bool variables) {
  const auto found = request.context.find(boost::to_lower_copy(key));
  const Texts values = found == request.context.end() ? Texts{} : found->second;
  if (op == "Null") {
    for (const Json& one : list(operands))
      if ((one == "true" || one == true) == values.empty()) return true;
    return false;
  }
  const bool if_exists = boost::ends_with(op, "IfExists");
  if (if_exists) boost::erase_last(op, "IfExists");
  const bool any_value = boost::starts_with(op, "ForAnyValue:");
  const bool all_values = boost::starts_with(op, "ForAllValues:");
  if (any_value || all_values) op = op.substr(op.find(':') + 1);
  const auto [base, negated] = positive(op);
  if (base.starts_with("String") || base.starts_with("Arn")) {
    for (const Json& one : list(operands))
      (void)expression(one.is_string() ? one.get<std::string>() : one.dump(), request, variables, true);
  }
  if (values.empty()) return if_exists || all_values || (negated && !any_value);
  std::size_t holding = 0;
  for (const std::string& value : values) {
    bool matched = false;
    for (const Json& one : list(operands))
      matched = one_holds(base, value, one, request, variables) || matched;
    holding += matched != negated ? 1 : 0;
  }
  return all_values || (negated && !any_value) ? holding == values.size() : holding > 0;
}

bool named(const Json& principals, const Request& request) {
  if (principals == "*") return true;
  const auto& asking = request.principal;
  for (const auto& [kind, names] : principals.items()) {
    for (const Json& name : list(names)) {
      if (kind == "Service" && name == asking.service && !asking.service.empty()) return true;
      if (kind != "AWS") continue;
      if (name == "*") return true;
      const std::string arn = name.get<std::string>().size() == 12
                                  ? "arn:aws:iam::" + name.get<std::string>() + ":root"
                                  : name.get<std::string>();
      if ((arn == asking.arn && !asking.arn.empty()) || (arn == asking.role_arn && !asking.role_arn.empty()))
        return true;
    }
  }
  return false;
}

bool acts(const Json& actions, const Request& request) {
  for (const Json& one : list(actions)) {
    if (like(request.action, expression(one.get<std::string>(), request, false, true),
             std::regex::ECMAScript | std::regex::icase))
      return true;
  }
  return false;
}

bool concerns(const Json& resources, const Request& request, bool variables) {
  bool any = false;
  for (const Json& one : list(resources))
    any = arn_like(request.resource, one.get<std::string>(), request, variables) || any;
  return any;
}

bool statement_applies(const Json& s, const Request& request, bool variables) {
  const bool who =
      s.contains("Principal") ? named(s["Principal"], request) : !named(s["NotPrincipal"], request);
  const bool what = s.contains("Action") ? acts(s["Action"], request) : !acts(s["NotAction"], request);
  const bool which = s.contains("Resource") ? concerns(s["Resource"], request, variables)
                                            : !concerns(s["NotResource"], request, variables);
  bool all = who && what && which;
  const Json conditions = s.value("Condition", Json::object());
  for (const auto& [op, keys] : conditions.items()) {
    for (const auto& [key, operands] : keys.items())
      all = key_holds(op, key, operands, request, variables) && all;
  }
  return all;
}

}  // namespace

policies::Verdict naive_verdict(const Json& document, const Request& request) {
  const bool variables = document.value("Version", "") == "2012-10-17";
  bool allowed = false;
  bool denied = false;
  for (const Json& statement : list(document.at("Statement"))) {
    try {
      if (!statement_applies(statement, request, variables)) continue;
      (statement["Effect"] == "Deny" ? denied : allowed) = true;
    } catch (const Unresolved&) {
      continue;
    }
  }
  return denied    ? policies::Verdict::kExplicitDeny
         : allowed ? policies::Verdict::kAllow
                   : policies::Verdict::kImplicitDeny;
}

}  // namespace caisson::test
