#include <algorithm>

#include "vpc/apply/change.hh"

namespace caisson::vpc {
namespace {

std::string token_key(const Change& change, const std::string& action, const std::string& token) {
  return change.account().text + "/" + action + "/" + token;
}

}  // namespace

std::string fingerprint_of(const std::vector<std::string>& texts, const Tags& tags) {
  std::string all;
  const auto add = [&all](const std::string& part) { all += std::to_string(part.size()) + ":" + part; };
  for (const auto& text : texts) {
    add(text);
  }
  for (const auto& [key, value] : tags) {
    add(key);
    add(value);
  }
  return all;
}

Result<std::optional<std::string>> made_before(const Change& change, const std::string& action,
                                               const std::string& token, const std::string& fingerprint) {
  if (token.empty()) return std::optional<std::string>();
  if (token.size() > 64 ||
      std::any_of(token.begin(), token.end(), [](char c) { return c < 0x20 || c > 0x7e; })) {
    return Error{.code = "InvalidParameterValue",
                 .message = "The client token is invalid. It has up to 64 printable ASCII characters"};
  }
  const auto* found = change.state.client_tokens.value_at(token_key(change, action, token));
  if (found == nullptr) return std::optional<std::string>();
  if (found->parameters != fingerprint) {
    return Error{.code = "IdempotentParameterMismatch",
                 .message = "The client token " + token + " has been used before with other parameters"};
  }
  return std::optional(found->id);
}

void keep_token(Change& change, const std::string& action, const std::string& token,
                const std::string& fingerprint, const std::string& made) {
  if (token.empty()) return;
  put_client_token(change.state, token_key(change, action, token), {fingerprint, made});
}

}  // namespace caisson::vpc
