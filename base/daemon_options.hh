// What the command lines of the daemons have in common, and the folders that follow from it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.hh"

namespace CLI {
class App;
}

namespace caisson {

struct DaemonOptions {
  std::string instance;
  std::string run_dir;  ///< empty: default_folder("/run", instance)
  std::string log_format = "text";
  std::string log_level = "info";
};

/// Adds --version, --instance and --run-dir to `app`; parsing fills `options`, which must live as long.
void describe_daemon(CLI::App& app, DaemonOptions& options);

/// Adds --log-format and --log-level. `more`: what a level has that is worth saying, "; debug has ...".
void describe_log(CLI::App& app, DaemonOptions& options, const std::string& more = {});

/// The daemon's folder in `parent`: "/run/caisson-lab" for the instance "lab", "/run/caisson" for that without a name.
std::string default_folder(const std::string& parent, const std::string& instance);

/// Makes the folder, if it is not there; either way it has `mode` then, whatever the process's umask is. Errors:
/// mkdir(2)'s and chmod(2)'s.
Status make_folder(const std::string& path, ::mode_t mode);

struct SocketAddress {
  std::string address;  ///< as it was given
  std::uint16_t port = 0;
};

/// "127.0.0.1:4751", as `option` was given; only the port is read. Error "BadOption".
Result<SocketAddress> parse_socket_address(const std::string& option, const std::string& text);

}  // namespace caisson
