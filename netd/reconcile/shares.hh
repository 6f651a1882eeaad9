// Each account's share of the maps `classes` and `sg_rules`: what one account's rules come to leaves the others theirs.
//
// As with flows (docs/adr/0016-shares-of-the-flow-table.md): each account has entries of its own, and takes of those that
// all have in common as long as it would not hold more of these than are left. A policy is written beside the one that it
// replaces, so a map also has room for the largest one twice.
#pragma once

#include <map>
#include <set>

#include "base/result.hh"
#include "vpc/model/command.hh"
#include "vpc/model/state.hh"

namespace caisson::netd::reconcile {

/// One map's entries, for so many accounts that have any.
struct PolicyShare {
  std::size_t entries = 0;
  std::size_t accounts = 0;
  std::size_t own = 0;
  [[nodiscard]] constexpr std::size_t common() const { return (entries - (accounts + 1) * own) / 3 * 2; }
  /// With nobody else there.
  [[nodiscard]] constexpr std::size_t most() const { return own + common() / 2; }
};

/// Entries of the two maps.
struct PolicySize {
  std::size_t classes = 0;
  std::size_t rules = 0;
  bool operator==(const PolicySize&) const = default;
};

struct PolicyShares {
  PolicyShare classes;
  PolicyShare rules;
};
/// Of this host's maps. Any account may have rules; entries of sg_rules come with network interfaces.
extern const PolicyShares kPolicyShares;

/// What accounts' VPCs have of them.
struct VpcPolicy {
  vpc::AccountId account;
  PolicySize size;
};
using VpcPolicies = std::map<vpc::VpcId, VpcPolicy>;

/// Of those of the VPCs that there are.
VpcPolicies policies_of(const vpc::State& state, const std::set<vpc::VpcId>& vpcs);

/// Not thread-safe: the writer's.
class PolicyUse {
 public:
  explicit PolicyUse(const PolicyShares& shares = kPolicyShares) : shares_(shares) {}

  /// May these VPCs' policies become `after` by the command? Errors: an account would hold more than it does, and than its
  /// share; RulesPerSecurityGroupLimitExceeded if it was to get a rule, NetworkInterfaceLimitExceeded if it was to get
  /// an interface or an address, else VpcLimitExceeded.
  [[nodiscard]] Status check(const vpc::Command& command, const std::set<vpc::VpcId>& touched,
                             const VpcPolicies& after) const;
  /// They have become it.
  void note(const std::set<vpc::VpcId>& touched, const VpcPolicies& after);
  [[nodiscard]] PolicySize held_by(const vpc::AccountId& account) const;

 private:
  using Held = std::map<vpc::AccountId, PolicySize>;
  [[nodiscard]] Held held_after(const std::set<vpc::VpcId>& touched, const VpcPolicies& after) const;

  PolicyShares shares_;
  VpcPolicies policies_;
  Held held_;
};

}  // namespace caisson::netd::reconcile
