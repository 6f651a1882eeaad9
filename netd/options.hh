// The command line of netd: `--help`, the manual page and the completion are made from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/daemon_options.hh"

namespace caisson::netd {

inline constexpr const char* kPurpose =
    "The network of Caisson: VPCs, their segments and what passes on them.";

struct Options : DaemonOptions {
  std::uint32_t slots = 16;
  std::string state_dir;
  std::string listen_tcp;
  unsigned runner_uid = 0;
  unsigned endpoint_uid = 0;
  std::size_t compact_after = 1000;
};

/// Adds the options to `app`; parsing fills `options`, which must live as long.
void describe(CLI::App& app, Options& options);

}  // namespace caisson::netd
