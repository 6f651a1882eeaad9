// The command line of runnerd: `--help`, the manual page and the completion are made from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/daemon_options.hh"

namespace caisson::runner {

inline constexpr const char* kPurpose =
    "Runs functions in microVMs behind an API that Lambda's clients speak.";

struct Options : DaemonOptions {
  bool operations = false;
  std::string state_dir;
  std::string images = "/var/cache/caisson";
  std::vector<std::string> ca_certificates;
  std::string listen = "127.0.0.1:4751";
  std::string region = "us-east-1";
  std::uint32_t uid_base = 200000;
  std::uint32_t uid_count = 1000;
  std::size_t max_environments = 64;
  std::uint64_t memory_mib = 0;
  std::uint64_t snapshot_mib = 2048;
  std::uint32_t freeze_after_ms = 100;
  std::uint32_t reclaim_after_s = 600;
  std::uint32_t init_timeout_s = 0;
  std::optional<std::uint32_t> min_cpu_percent;
  std::optional<unsigned> reserved_cpus;
  std::size_t preparations = 3;
  std::uint64_t code_storage_mib = 75 * 1024;
};

/// Adds the options to `app`; parsing fills `options`, which must live as long.
void describe(CLI::App& app, Options& options);

}  // namespace caisson::runner
