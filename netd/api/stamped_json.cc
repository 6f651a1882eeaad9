#include "netd/api/stamped_json.hh"

#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "netd/api/operations.hh"

namespace caisson::netd::api {
namespace {

Error unreadable(const std::string& why) {
  return {.code = "InternalError", .message = "stored command cannot be read: " + why};
}

Result<std::string> text(const Json& record, const char* member) {
  const auto found = record.find(member);
  if (found == record.end() || !found->is_string())
    return unreadable(std::string(member) + " is not a string");
  return found->get<std::string>();
}

}  // namespace

Json encode_stored(const std::string& operation, const Json& parameters, const vpc::AccountId& account,
                   std::uint64_t seed, const std::string& time, const std::string& sealed_secret) {
  char digits[17];  // as text: a JSON number is exact only up to 2^53
  std::snprintf(digits, sizeof digits, "%016" PRIx64, seed);
  Json record{{"Operation", operation},
              {"Account", account.text},
              {"Seed", digits},
              {"Time", time},
              {"Parameters", parameters}};
  if (!sealed_secret.empty()) record["SealedSecret"] = sealed_secret;
  return record;
}

Result<vpc::StampedCommand> decode_stored(const Json& record) {
  if (!record.is_object()) return unreadable("it is not an object");
  TRY(auto name, text(record, "Operation"));
  const Operation* operation = find_operation(name);
  if (operation == nullptr || !operation->changes()) return unreadable("no changing operation " + name);
  vpc::StampedCommand stamped;
  TRY(stamped.account.text, text(record, "Account"));
  TRY(stamped.time, text(record, "Time"));
  TRY(auto digits, text(record, "Seed"));
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), stamped.seed, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return unreadable("Seed of " + name);
  if (record.contains("SealedSecret")) {
    TRY(stamped.sealed_secret, text(record, "SealedSecret"));
  }
  const auto parameters = record.find("Parameters");
  if (parameters == record.end()) return unreadable("no Parameters of " + name);
  const auto checked = check_parameters(*operation, *parameters);
  if (!checked) return unreadable(name + ": " + checked.error().text());
  auto command = operation->decode(*parameters);
  if (!command) return unreadable(name + ": " + command.error().text());
  stamped.command = std::move(command.value());
  return stamped;
}

}  // namespace caisson::netd::api
