#include "netd/reconcile/shares.hh"

#include "netd/bpf/caisson_abi.h"
#include "vpc/compile/compile.hh"
#include "vpc/model/quotas.hh"

namespace caisson::netd::reconcile {
namespace {

using Member = std::size_t PolicySize::*;

std::size_t beyond(std::size_t held, const PolicyShare& share) {
  return held > share.own ? held - share.own : 0;
}

/// What an account may hold while the others hold this.
std::size_t most_beside(const std::map<vpc::AccountId, PolicySize>& held, const vpc::AccountId& account,
                        Member member, const PolicyShare& share) {
  std::size_t taken = 0;
  for (const auto& [other, size] : held) {
    if (other != account) taken += beyond(size.*member, share);
  }
  const std::size_t left = share.common() > taken ? share.common() - taken : 0;
  return share.own + left / 2;
}

/// The quota that says it best.
std::string quota_of(const vpc::Command& command) {
  if (std::holds_alternative<vpc::AuthorizeSecurityGroup>(command))
    return "RulesPerSecurityGroupLimitExceeded";
  return std::holds_alternative<vpc::CreateVpc>(command) ? "VpcLimitExceeded"
                                                         : "NetworkInterfaceLimitExceeded";
}

}  // namespace

const PolicyShares kPolicyShares{
    .classes = {.entries = CAISSON_CLASS_ENTRIES, .accounts = vpc::Quotas{}.accounts, .own = 32},
    .rules = {.entries = CAISSON_RULE_ENTRIES, .accounts = CAISSON_ACCOUNTS, .own = 256}};

VpcPolicies policies_of(const vpc::State& state, const std::set<vpc::VpcId>& vpcs) {
  VpcPolicies policies;
  for (const auto& id : vpcs) {
    const auto* vpc = vpc::find(state.vpcs, id);
    if (vpc == nullptr) continue;
    const auto policy = vpc::compile_security_groups(state, id, vpc::group_set_numbers(state, id));
    policies[id] = {.account = vpc->account,
                    .size = {.classes = policy.classes.size(), .rules = policy.rules.size()}};
  }
  return policies;
}

PolicyUse::Held PolicyUse::held_after(const std::set<vpc::VpcId>& touched, const VpcPolicies& after) const {
  Held held = held_;
  for (const auto& id : touched) {
    if (const auto before = policies_.find(id); before != policies_.end()) {
      auto& size = held[before->second.account];
      size.classes -= before->second.size.classes;
      size.rules -= before->second.size.rules;
    }
    if (const auto found = after.find(id); found != after.end()) {
      auto& size = held[found->second.account];
      size.classes += found->second.size.classes;
      size.rules += found->second.size.rules;
    }
  }
  return held;
}

Status PolicyUse::check(const vpc::Command& command, const std::set<vpc::VpcId>& touched,
                        const VpcPolicies& after) const {
  const Held held = held_after(touched, after);
  for (const auto& [account, size] : held) {
    const PolicySize before = held_by(account);
    for (const auto& [member, share] :
         {std::pair(&PolicySize::classes, shares_.classes), std::pair(&PolicySize::rules, shares_.rules)}) {
      if (size.*member <= before.*member) continue;
      const std::size_t most = most_beside(held, account, member, share);
      if (size.*member <= most) continue;
      return Error{.code = quota_of(command),
                   .message = "The account's security group rules come to " + std::to_string(size.*member) +
                              (member == &PolicySize::classes ? " blocks of addresses" : " entries") +
                              ", of which its share is " + std::to_string(most) + "."};
    }
  }
  return ok();
}

void PolicyUse::note(const std::set<vpc::VpcId>& touched, const VpcPolicies& after) {
  held_ = held_after(touched, after);
  std::erase_if(held_, [](const auto& one) { return one.second == PolicySize{}; });
  for (const auto& id : touched) {
    policies_.erase(id);
  }
  policies_.insert(after.begin(), after.end());
}

PolicySize PolicyUse::held_by(const vpc::AccountId& account) const {
  const auto found = held_.find(account);
  return found == held_.end() ? PolicySize{} : found->second;
}

}  // namespace caisson::netd::reconcile
