#include <algorithm>

#include "netd/api/parameters.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

Json to_json(const vpc::Account& account) {
  Json shown{{"AccountId", account.id.text}, {"AccountName", account.name}};
  if (!account.created.empty()) shown["CreateDate"] = account.created;
  return shown;
}

Json to_json(const vpc::AccessKey& key) {
  return {{"AccessKeyId", key.id}, {"Status", "Active"}, {"CreateDate", key.created}};
}

Result<vpc::AccountId> account_id(const Json& parameters) {
  const std::string text = text_or_empty(parameters, "AccountId");
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (text.size() == 12 && digits) return vpc::AccountId{text};
  return Error{.code = "InvalidParameterValue", .message = "AccountId has 12 digits"};
}

Result<vpc::Command> decode_create(const Json& parameters) {
  vpc::CreateAccount command{.name = parameters.at("AccountName"), .account = {}};
  if (parameters.contains("AccountId")) {
    TRY(command.account, account_id(parameters));
  }
  return command;
}

Json reply_create(const vpc::Applied& applied, const vpc::AccountId&, const Json&) {
  return {{"Account", to_json(*applied.state.accounts.at(vpc::AccountId{applied.ids.front()}))}};
}

/// The secret is not the model's: netd adds it to the reply.
Json reply_create_key(const vpc::Applied& applied, const vpc::AccountId&, const Json&) {
  return {{"AccessKey", to_json(*applied.state.access_keys.at(applied.ids.front()))}};
}

Result<Json> read_accounts(const vpc::State& state, const vpc::AccountId&, const Json&) {
  Json accounts = Json::array();
  for (const auto& [id, account] : state.accounts)
    accounts.push_back(to_json(*account));
  return Json{{"Accounts", std::move(accounts)}};
}

Result<Json> read_keys(const vpc::State& state, const vpc::AccountId& account, const Json&) {
  std::vector<const vpc::AccessKey*> own;
  for (const auto& [id, key] : state.access_keys) {
    if (key->account == account) own.push_back(key.get());
  }
  std::sort(own.begin(), own.end(), [](const auto* a, const auto* b) {
    return std::pair(a->created, a->id) < std::pair(b->created, b->id);
  });
  Json keys = Json::array();
  for (const auto* key : own)
    keys.push_back(to_json(*key));
  return Json{{"AccessKeyMetadata", std::move(keys)}};
}

Json reply_nothing(const vpc::Applied&, const vpc::AccountId&, const Json&) {
  return Json::object();
}

std::vector<Operation> account_table() {
  return {
      {.name = "CreateAccount",
       .doc = "Creates an account; it has no access keys yet.",
       .example = "--account-name shop",
       .members = {required("AccountName", string_shape(), "1 to 63 of a-z, 0-9 and -; no other account's."),
                   optional("AccountId", string_shape(), "12 digits; absent: random ones."),
                   dry_run_member()},
       .operators_only = true,
       .decode = decode_create,
       .reply = reply_create},
      {.name = "DeleteAccount",
       .doc = "Deletes an account without VPCs, network interfaces and functions, and its access keys.",
       .example = "--account-id 123456789012",
       .members = {required("AccountId", string_shape(), "The account; not the default one."),
                   dry_run_member()},
       .operators_only = true,
       .decode = [](const Json& parameters) -> Result<vpc::Command> {
         TRY(auto id, account_id(parameters));
         return vpc::DeleteAccount{id};
       },
       .reply = reply_nothing},
      {.name = "DescribeAccounts",
       .doc = "Lists all accounts.",
       .members = {dry_run_member()},
       .operators_only = true,
       .read = read_accounts},
  };
}

std::vector<Operation> key_table() {
  return {
      {.name = "CreateAccessKey",
       .doc = "Creates an access key of the account that asks. Only this reply has the secret.",
       .members = {dry_run_member()},
       .operators_only = true,
       .decode = [](const Json&) -> Result<vpc::Command> { return vpc::CreateAccessKey{}; },
       .reply = reply_create_key},
      {.name = "DeleteAccessKey",
       .doc = "Deletes an access key of the account that asks; what it signs is refused from then on.",
       .example = "--access-key-id AKIAIOSFODNN7EXAMPLE",
       .members = {required("AccessKeyId", string_shape(), "The key."), dry_run_member()},
       .operators_only = true,
       .decode = [](const Json& parameters) -> Result<vpc::Command> {
         return vpc::DeleteAccessKey{parameters.at("AccessKeyId")};
       },
       .reply = reply_nothing},
      {.name = "ListAccessKeys",
       .doc = "Lists the access keys of the account that asks, the oldest first.",
       .members = {dry_run_member()},
       .operators_only = true,
       .read = read_keys},
  };
}

}  // namespace

std::vector<Operation> account_operations() {
  auto all = account_table();
  for (auto& operation : key_table())
    all.push_back(std::move(operation));
  return all;
}

}  // namespace caisson::netd::api
