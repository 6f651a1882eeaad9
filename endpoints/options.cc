#include "endpoints/options.hh"

#include <CLI/CLI.hpp>

namespace caisson::endpoints {

void describe(CLI::App& app, Options& options) {
  describe_daemon(app, options);
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
  describe_log(app, options);
}

}  // namespace caisson::endpoints
