#include <algorithm>

#include "vpc/apply/change.hh"
#include "vpc/apply/index.hh"

namespace caisson::vpc {
namespace {

constexpr std::size_t kMostKeys = 2;  // IAM: room for a rotation, and no more
constexpr std::size_t kLongestName = 63;

Error no_such_account(const AccountId& id) {
  return {.code = "NoSuchEntity", .message = "The account " + id.text + " cannot be found."};
}

bool is_name(const std::string& name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= kLongestName && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), fits) &&
         std::any_of(name.begin(), name.end(), [](char c) { return c < '0' || c > '9'; });
}

/// Twelve random digits, the first not 0: those are left to accounts that are chosen.
AccountId fresh_account(Change& change) {
  constexpr std::uint64_t kLowest = 100'000'000'000;
  while (true) {
    AccountId id{std::to_string(kLowest + change.random() % (9 * kLowest))};
    if (!change.state.accounts.contains(id)) return id;
  }
}

/// What its owner would miss: all but what the account has only because it exists.
bool has_resources(const State& state, const AccountId& account) {
  const auto* counts = state.index.accounts.value_at(account);
  return counts != nullptr && (counts->vpcs != 0 || counts->network_interfaces != 0);
}

/// The managed VPC, in which there is nothing but what was made with it.
void erase_managed(Change& change, const AccountId& account) {
  State& state = change.state;
  const auto* subnet_id = state.managed_subnets.value_at(account);
  if (subnet_id == nullptr) return;
  const SubnetId subnet = *subnet_id;
  const Vpc vpc = *find(state.vpcs, find(state.subnets, subnet)->vpc);
  erase_rules(change, vpc.default_security_group);
  erase(state, vpc.default_security_group);
  erase(state, vpc.default_network_acl);
  erase(state, vpc.main_route_table);
  erase(state, subnet);
  erase(state, vpc.id);
  state.managed_subnets.erase(account);
  change.touched.insert(vpc.id);
}

void erase_all(Change& change, const AccountId& account) {
  erase_managed(change, account);
  std::erase_if(change.state.access_keys, [&](const auto& row) { return row.second->account == account; });
  change.state.accounts.erase(account);
}

}  // namespace

std::string access_key_id(std::uint64_t seed) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string id = "AKIA";
  for (const std::uint64_t n : {1, 2}) {
    std::uint64_t bits = nth_random(seed, n);
    for (int i = 0; i < 8; ++i) {
      id += kLetters[bits % 32];
      bits /= 32;
    }
  }
  return id;
}

Status check_account(const State& state, const AccountId& account) {
  if (!state.accounts.contains(account)) return no_such_account(account);
  return ok();
}

Status apply_to(Change& change, const CreateAccount& command) {
  if (!is_name(command.name)) {
    return Error{.code = "InvalidParameterValue",
                 .message =
                     "AccountName has 1 to 63 of a-z, 0-9 and -, begins and ends without -, and is not a "
                     "number."};
  }
  for (const auto& [id, account] : change.state.accounts) {
    if (account->name == command.name) {
      return Error{.code = "EntityAlreadyExists",
                   .message = "Account with name " + command.name + " already exists."};
    }
  }
  const AccountId id = command.account ? *command.account : fresh_account(change);
  if (change.state.accounts.contains(id)) {
    return Error{.code = "EntityAlreadyExists", .message = "Account " + id.text + " already exists."};
  }
  if (change.state.accounts.size() >= change.state.quotas.accounts) {
    return Error{.code = "LimitExceeded", .message = "The maximum number of accounts has been reached."};
  }
  change.state.accounts.emplace(
      id, std::make_shared<const Account>(Account{.id = id, .name = command.name, .created = change.time()}));
  change.ids.push_back(id.text);
  return ok();
}

Status apply_to(Change& change, const DeleteAccount& command) {
  TRYV(check_account(change.state, command.account));
  if (command.account.text == kDefaultAccountId) {
    return Error{.code = "InvalidParameterValue", .message = "The account default cannot be deleted."};
  }
  if (has_resources(change.state, command.account)) {
    return Error{.code = "DeleteConflict",
                 .message =
                     "Cannot delete entity, must delete the account's VPCs, network interfaces and "
                     "functions first."};
  }
  erase_all(change, command.account);
  ++change.state.access_key_revision;
  return ok();
}

Status apply_to(Change& change, const CreateAccessKey&) {
  const auto& keys = change.state.access_keys;
  const auto held = std::count_if(keys.begin(), keys.end(),
                                  [&](const auto& row) { return row.second->account == change.account(); });
  if (static_cast<std::size_t>(held) >= kMostKeys) {
    return Error{.code = "LimitExceeded", .message = "Cannot exceed quota for AccessKeysPerUser: 2"};
  }
  const std::string id = access_key_id(change.seed());
  change.state.access_keys.emplace(
      id, std::make_shared<const AccessKey>(AccessKey{.id = id,
                                                      .account = change.account(),
                                                      .created = change.time(),
                                                      .sealed_secret = change.sealed_secret()}));
  change.ids.push_back(id);
  return ok();
}

Status apply_to(Change& change, const DeleteAccessKey& command) {
  const auto key = change.state.access_keys.find(command.id);
  if (key == change.state.access_keys.end() || key->second->account != change.account()) {
    return Error{.code = "NoSuchEntity",
                 .message = "The Access Key with id " + command.id + " cannot be found."};
  }
  change.state.access_keys.erase(command.id);
  ++change.state.access_key_revision;
  return ok();
}

}  // namespace caisson::vpc
