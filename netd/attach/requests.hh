// One request of runnerd's to its reply.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/fd.hh"
#include "netd/core/daemon.hh"

namespace caisson::netd::attach {

/// `request` comes from decode_request(). `descriptor` goes with the reply, if it becomes one.
nlohmann::json answer(core::Daemon& daemon, core::Slots::Connection connection, const nlohmann::json& request,
                      Fd& descriptor);

}  // namespace caisson::netd::attach
