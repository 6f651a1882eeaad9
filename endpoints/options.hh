// The command line of endpointd: `--help`, the manual page and the completion are made from it.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace caisson::endpoints {

inline constexpr const char* kPurpose =
    "The services inside of Caisson's networks: DNS, and endpoints of S3 and DynamoDB.";

struct Options {
  std::string instance;
  std::string run_dir;
  std::string state_dir;
  std::string backends;
  std::string region = "us-east-1";
  std::vector<std::string> resolvers;
  unsigned user = 0;
  std::string log_format = "text";
  std::string log_level = "info";
};

/// Adds the options to `app`; parsing fills `options`, which must live as long.
void describe(CLI::App& app, Options& options);

}  // namespace caisson::endpoints
