// What the kernel holds as far as netd wrote it itself, so that a change of one VPC need not read what all others have.
//
// It stands for an observation only while nothing has failed and nobody else writes: at start, after a failure and in
// the comparison of the whole, the kernel itself is read.
#pragma once

#include "netd/reconcile/plan.hh"
#include "vpc/compile/desired_state.hh"

namespace caisson::netd::reconcile {

struct Known {
  /// Our bridges and members; `tables` is empty: it follows from the model and the generations.
  ObservedState links;
  Generations generations;
};

/// What an observation would say of the part of the kernel that `before` and `after` speak of: two models' parts for
/// the same VPCs, of which `before` is in the kernel.
ObservedState known_part(const Known& known, const vpc::DesiredState& before, const vpc::DesiredState& after);

/// After the links of a part were changed from `before` to `after`.
void note_links(Known& known, const ObservedState& before, const ObservedState& after);

/// After these tables were written in place of what `before` says.
void note_written(Known& known, const vpc::DesiredState& before, const Tables& written);

/// The links that a plan makes, opens or deletes, by name: what is to be looked at afterwards.
std::vector<std::string> links_of(const Plan& plan);

}  // namespace caisson::netd::reconcile
