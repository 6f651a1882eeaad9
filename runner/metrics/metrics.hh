// What runnerd counts, as Prometheus text.
#pragma once

#include <memory>
#include <string>

#include "runner/invoke/invoker.hh"
#include "runner/pool/pool.hh"

namespace caisson::runner {

/// Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  void count_invocation(const InvokeRecord& record);
  /// `what`: "restore", "boot", "thaw", "prepare".
  void count_start(const char* what, double seconds, bool succeeded);
  /// `phase` of a restore: "lease", "spawn", "load", "resume", "acknowledge", "attach".
  void count_restore_phase(const char* phase, double seconds);
  /// `what`: as PoolSettings::on_exhausted.
  void count_exhausted(const char* what);
  void count_request(const std::string& operation, unsigned status);
  /// The exposition format, with the pool's state as gauges.
  [[nodiscard]] std::string text(const PoolStats& pool, bool netd_connected) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::runner
