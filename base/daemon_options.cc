#include "base/daemon_options.hh"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>

#include "base/version.hh"

namespace caisson {

void describe_daemon(CLI::App& app, DaemonOptions& options) {
  app.set_version_flag("--version", app.get_name() + " " + version(), "Print the version and exit");
  app.add_option("--instance", options.instance, "Name of a further instance beside the default one");
  app.add_option("--run-dir", options.run_dir, "Folder of the sockets [/run/caisson[-INSTANCE]]");
}

void describe_log(CLI::App& app, DaemonOptions& options, const std::string& more) {
  app.add_option("--log-format", options.log_format, "How lines on standard error look: text, or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", options.log_level, "The least that is logged" + more)
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}));
}

std::string default_folder(const std::string& parent, const std::string& instance) {
  return parent + (instance.empty() ? "/caisson" : "/caisson-" + instance);
}

Status make_folder(const std::string& path, ::mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0)
    return errno == EEXIST ? Status(ok()) : Error::system(errno, "make folder", path);
  // The process's umask would take the others' bits away.
  if (::chmod(path.c_str(), mode) != 0) return Error::system(errno, "set the mode of", path);
  return ok();
}

Result<SocketAddress> parse_socket_address(const std::string& option, const std::string& text) {
  const auto colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
      std::stoul(port) > 65535) {
    return Error{.code = "BadOption", .message = option + " wants ADDRESS:PORT, not " + text};
  }
  return SocketAddress{text.substr(0, colon), static_cast<std::uint16_t>(std::stoul(port))};
}

}  // namespace caisson
