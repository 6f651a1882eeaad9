// `caisson requests`: what functions and members asked of services, from endpointd's records.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "base/result.hh"

namespace caisson::cli {

struct RequestFilter {
  std::string account;
  std::string function;
  std::string endpoint;
  std::string service;
  std::string decision;
};

/// Empty members admit all. Pure.
bool admits(const RequestFilter& filter, const nlohmann::json& record);

/// A line for people, whose columns are as wide as what is usual in them; `flow` is what DescribeFlows says of it, if that is
/// wanted. Nothing in it does anything to a terminal. Pure.
std::string request_header(bool with_flow);
std::string request_text(const nlohmann::json& record, const nlohmann::json* flow);

/// What two records of one flow have in common. Pure.
std::string flow_key(const nlohmann::json& record);

/// What the subcommand needs of the command line that it is a part of.
struct RequestContext {
  std::function<Result<nlohmann::json>(const std::string& account, const std::string& action,
                                       const nlohmann::json& parameters)>
      ask;
  std::function<void(std::function<Status()>)> act;
  const std::string& instance;
  const std::string& account;
  const bool& json;
  std::ostream& out;
  std::ostream& err;
};

void add_request_commands(CLI::App& app, const RequestContext& context);

}  // namespace caisson::cli
