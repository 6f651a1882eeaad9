// What the kernel holds, as the API shows it: the tree, flows, drops and the plan.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "netd/core/fabric.hh"
#include "netd/core/slots.hh"
#include "vpc/model/state.hh"

namespace caisson::netd::core {

nlohmann::json describe(const vpc::State& state, const vpc::AccountId& account,
                        const std::vector<Slots::View>& slots);
/// Only flows of the account's network interfaces.
Result<nlohmann::json> describe_flows(const vpc::State& state, const vpc::AccountId& account,
                                      const kernel::Datapath& datapath);
/// Drops at the ports of the account's members, and at slots.
Result<nlohmann::json> describe_drops(const vpc::State& state, const vpc::AccountId& account,
                                      const reconcile::Indexes& members, const Fabric& fabric);
nlohmann::json describe_plan(const reconcile::Plan& plan);

}  // namespace caisson::netd::core
