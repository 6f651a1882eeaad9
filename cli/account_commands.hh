// `caisson account ...`: accounts and their access keys, with profiles for the AWS CLI.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>

#include "base/result.hh"

namespace caisson::cli {

/// What the subcommands need of the command line that they are a part of.
struct AccountContext {
  /// One request, acting as `account` ("" is the default one).
  std::function<Result<nlohmann::json>(const std::string& account, const std::string& action,
                                       const nlohmann::json& parameters)>
      ask;
  /// Sets what is to be done once the command line is parsed.
  std::function<void(std::function<Status()>)> act;
  const bool& json;
  std::ostream& out;
};

/// Adds the subcommand `account` to `app`; `context` is copied.
void add_account_commands(CLI::App& app, const AccountContext& context);

}  // namespace caisson::cli
