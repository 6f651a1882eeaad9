// One request of runnerd's to its reply.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/fd.hh"
#include "netd/core/daemon.hh"

namespace caisson::netd::attach {

/// Nothing: the request is malformed, and the connection is to be closed. `descriptor` goes with the reply.
bool answer(core::Daemon& daemon, core::Slots::Connection connection, const nlohmann::json& request,
            nlohmann::json& reply, Fd& descriptor);

}  // namespace caisson::netd::attach
