// The model's one state change: a pure function.
#pragma once

#include <set>

#include "base/result.hh"
#include "vpc/model/command.hh"
#include "vpc/model/state.hh"

namespace caisson::vpc {

/// What a command did.
struct Applied {
  State state;
  /// The VPCs whose compiled form may differ afterwards (deleted ones too).
  std::set<VpcId> touched;
  /// Ids that the reply shows, in the order of the request: what was created, or what was revoked; for
  /// EnsureFunctionInterface the network interfaces in the order of the subnets.
  std::vector<std::string> ids;
};

/// `command` on `state`. Either all of it holds afterwards or an error with EC2's code is returned and
/// nothing has changed. Resources of another account are NotFound; managed ones, too.
Result<Applied> apply(const State& state, const StampedCommand& command);

/// The id of the access key that a CreateAccessKey with this seed makes: its secret is sealed for that id before the
/// command is applied.
std::string access_key_id(std::uint64_t seed);

/// Error NoSuchEntity. Not a part of apply(): who may ask is the caller's business.
Status check_account(const State& state, const AccountId& account);

}  // namespace caisson::vpc
