// Who owns resources, and the keys that prove it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "vpc/model/ids.hh"

namespace caisson::vpc {

inline constexpr const char* kDefaultAccountId = "000000000001";

struct Account {
  AccountId id;
  std::string name;  ///< of this host's accounts only one has it
  std::string created;
  bool operator==(const Account&) const = default;
};

/// A long-term access key. Only netd can open `sealed_secret`; to the model it is a text.
struct AccessKey {
  std::string id;  ///< "AKIA" and 16 of A-Z and 2-7
  AccountId account;
  std::string created;
  std::string sealed_secret;
  bool operator==(const AccessKey&) const = default;
};

/// The account `default` is there before any command.
inline std::map<AccountId, std::shared_ptr<const Account>> default_accounts() {
  const AccountId id{kDefaultAccountId};
  return {{id, std::make_shared<const Account>(Account{.id = id, .name = "default", .created = {}})}};
}

}  // namespace caisson::vpc
