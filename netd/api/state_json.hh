// The whole model as JSON: what the store keeps in place of the commands that led there.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.hh"
#include "vpc/model/state.hh"

namespace caisson::netd::api {

/// All but the quotas and the services, which no command changes, and the index, which follows from the rest.
nlohmann::json encode_state(const vpc::State& state);

/// The State that encode_state() was given. Error InternalError: it is none, or another version wrote it.
Result<vpc::State> decode_state(const nlohmann::json& stored);

}  // namespace caisson::netd::api
