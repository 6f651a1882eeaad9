#include "runner/options.hh"

#include <CLI/CLI.hpp>

namespace caisson::runner {

void describe(CLI::App& app, Options& options) {
  describe_daemon(app, options);
  app.add_flag("--operations", options.operations, "Print the operations of the function API and exit");
  app.add_option("--state-dir", options.state_dir, "State folder [/var/lib/caisson[-INSTANCE]]");
  app.add_option("--images", options.images, "Folder of the guest images")->capture_default_str();
  app.add_option(
      "--ca-certificate", options.ca_certificates,
      "PEM file of a certificate authority that functions trust beside the public ones; may be given again");
  app.add_option("--listen", options.listen, "Address and port of the function API")->capture_default_str();
  app.add_option("--region", options.region, "Region in ARNs and in functions' variables")
      ->capture_default_str();
  describe_log(app, options);
  app.add_option("--uid-base", options.uid_base, "First user id of the microVMs' range")
      ->capture_default_str();
  app.add_option("--uid-count", options.uid_count, "Size of the range; one id a microVM, one for helpers")
      ->capture_default_str()
      ->check(CLI::Range(2U, 1'000'000U));
  app.add_option("--max-environments", options.max_environments, "Execution environments at a time")
      ->capture_default_str()
      ->check(CLI::Range(1U, 10'000U));
  app.add_option("--memory", options.memory_mib,
                 "Budget of all environments, MiB [three quarters of the machine's]");
  app.add_option("--snapshot-memory", options.snapshot_mib, "Budget of all snapshots, MiB")
      ->capture_default_str();
  app.add_option("--freeze-after", options.freeze_after_ms, "Idle time until an environment is frozen, ms")
      ->capture_default_str();
  app.add_option("--reclaim-after", options.reclaim_after_s, "Idle time until an environment is reclaimed, s")
      ->capture_default_str();
  app.add_option("--init-timeout", options.init_timeout_s,
                 "Time for a function's init, s [10, without KVM 60]");
  app.add_option("--min-cpu", options.min_cpu_percent,
                 "Least CPU cap of an environment, percent of one CPU; beyond it 1,769 MB are worth one [0, "
                 "without KVM 50]")
      ->check(CLI::Range(0U, 10'000U));
  app.add_option(
      "--reserved-cpus", options.reserved_cpus,
      "CPUs that environments leave after their first 100 ms of an invocation, for the daemon and those that "
      "begin [one in sixteen; 0: none]");
  app.add_option("--code-storage", options.code_storage_mib,
                 "Code of each account's functions, as ZIP files, MiB")
      ->capture_default_str()
      ->check(CLI::Range(1U, 1U << 30U));
  app.add_option("--preparations", options.preparations, "Snapshots made at the same time")
      ->capture_default_str()
      ->check(CLI::Range(1U, 64U));
}

}  // namespace caisson::runner
