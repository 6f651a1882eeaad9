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

}  // namespace caisson::vpc
