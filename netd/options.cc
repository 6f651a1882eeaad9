#include "netd/options.hh"

#include <CLI/CLI.hpp>

#include "base/version.hh"

namespace caisson::netd {

void describe(CLI::App& app, Options& options) {
  app.set_version_flag("--version", std::string("netd ") + version(), "Print the version and exit");
  app.add_option("--instance", options.instance, "Name of a further instance beside the default one");
  app.add_option("--slots", options.slots, "Pooled taps for functions")
      ->capture_default_str()
      ->check(CLI::Range(0U, 16384U));
  app.add_option("--state-dir", options.state_dir, "State folder [/var/lib/caisson[-INSTANCE]]");
  app.add_option("--run-dir", options.run_dir, "Folder of the sockets [/run/caisson[-INSTANCE]]");
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
  app.add_option("--log-format", options.log_format, "How lines on standard error look: text, or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", options.log_level,
                 "The least that is logged; debug has each request to attach.sock")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}));
}

}  // namespace caisson::netd
