#include "netd/options.hh"

#include <CLI/CLI.hpp>

namespace caisson::netd {

void describe(CLI::App& app, Options& options) {
  describe_daemon(app, options);
  app.add_option("--slots", options.slots, "Pooled taps for functions")
      ->capture_default_str()
      ->check(CLI::Range(0U, 16384U));
  app.add_option("--state-dir", options.state_dir, "State folder [/var/lib/caisson[-INSTANCE]]");
  app.add_option("--listen-tcp", options.listen_tcp,
                 "ADDRESS:PORT for the API, for requests that are signed with an access key");
  app.add_option("--runner-uid", options.runner_uid,
                 "User id of runnerd, who may use attach.sock; 0: root, or who owns a socket that was passed")
      ->capture_default_str();
  app.add_option(
         "--endpoint-uid", options.endpoint_uid,
         "User id of endpointd, who may use endpoint.sock; 0: root, or who owns a socket that was passed")
      ->capture_default_str();
  app.add_option("--compact-after", options.compact_after,
                 "Stored commands after which a snapshot of the model takes their place, if it is smaller")
      ->capture_default_str()
      ->check(CLI::Range(1U, 1000000U));
  describe_log(app, options, "; debug has each request to attach.sock");
}

}  // namespace caisson::netd
