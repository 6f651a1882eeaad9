// The form in which a command is stored: what was asked, and the stamp that makes its replay exact.
//
//   {"Operation":"CreateVpc","Account":"000000000001","Seed":"00000000deadbeef","Time":"2026-01-01T00:00:00.000Z",
//    "Parameters":{"CidrBlock":"10.0.0.0/16"}}, and with CreateAccessKey "SealedSecret":"..."
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.hh"
#include "vpc/model/command.hh"

namespace caisson::netd::api {

/// An accepted request. `parameters` have passed check_parameters().
nlohmann::json encode_stored(const std::string& operation, const nlohmann::json& parameters,
                             const vpc::AccountId& account, std::uint64_t seed, const std::string& time,
                             const std::string& sealed_secret = {});

/// A stored command and, for the reply, its operation and parameters. Errors: InternalError for a record that
/// is not of this form or that this version cannot read; the message names the operation.
Result<vpc::StampedCommand> decode_stored(const nlohmann::json& record);

}  // namespace caisson::netd::api
