// endpointd: the services that guests reach inside of their networks. This file only reads options.
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "base/log.hh"
#include "endpoints/daemon.hh"
#include "endpoints/options.hh"

namespace {

caisson::Status run(const caisson::endpoints::Options& options) {
  TRYV(caisson::log::set_up(
      {.program = "endpointd", .format = options.log_format, .level = options.log_level}));
  boost::asio::io_context io(1);
  TRY(const auto daemon, caisson::endpoints::Daemon::start(io, options));
  io.run();
  return caisson::ok();
}

}  // namespace

int main(int count, char** words) {
  (void)::signal(SIGPIPE, SIG_IGN);
  (void)::umask(0077);
  CLI::App app{caisson::endpoints::kPurpose, "endpointd"};
  caisson::endpoints::Options options;
  caisson::endpoints::describe(app, options);
  CLI11_PARSE(app, count, words);
  const caisson::Status done = run(options);
  if (done) return 0;
  spdlog::error("{}", done.error().text());
  return 1;
}
