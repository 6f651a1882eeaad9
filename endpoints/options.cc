#include "endpoints/options.hh"

#include <CLI/CLI.hpp>

#include "base/version.hh"

namespace caisson::endpoints {

void describe(CLI::App& app, Options& options) {
  app.set_version_flag("--version", std::string("endpointd ") + version(), "Print the version and exit");
  app.add_option("--instance", options.instance, "Name of a further instance beside the default one");
  app.add_option("--run-dir", options.run_dir, "Folder of the sockets [/run/caisson[-INSTANCE]]");
  app.add_option(
      "--state-dir", options.state_dir,
      "Folder of the certificate authority and of requests' records [/var/lib/caisson[-INSTANCE]/endpoint]");
  app.add_option(
      "--backends", options.backends,
      "JSON file of the servers behind the endpoints, by service and account; read anew when it changes");
  app.add_option("--region", options.region, "Region in names")->capture_default_str();
  app.add_option("--resolver", options.resolvers,
                 "ADDRESS[:PORT] of a resolver that other names are asked of; several are asked in turn "
                 "[those of /etc/resolv.conf]");
  app.add_option("--user", options.user, "User and group id to become when started by root; 0: stay")
      ->capture_default_str();
  app.add_option("--log-format", options.log_format, "How lines on standard error look: text, or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", options.log_level, "The least that is logged")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}));
}

}  // namespace caisson::endpoints
