// The command line of endpointd: `--help`, the manual page and the completion are made from it.
#pragma once

#include <string>
#include <vector>

#include "base/daemon_options.hh"

namespace caisson::endpoints {

inline constexpr const char* kPurpose =
    "The services inside of Caisson's networks: DNS, and endpoints of S3 and DynamoDB.";

struct Options : DaemonOptions {
  std::string state_dir;
  std::string backends;
  std::string region = "us-east-1";
  std::vector<std::string> resolvers;
  unsigned user = 0;
};

/// Adds the options to `app`; parsing fills `options`, which must live as long.
void describe(CLI::App& app, Options& options);

}  // namespace caisson::endpoints
