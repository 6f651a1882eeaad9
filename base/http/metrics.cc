#include "base/http/metrics.hh"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace caisson::http {
namespace {

/// proc(5), /proc/pid/statm: the second number is the resident set in pages.
double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0;
  double resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
  std::error_code failed;
  const std::filesystem::directory_iterator folder("/proc/self/fd", failed);
  return failed ? 0 : static_cast<double>(std::distance(begin(folder), end(folder)));
}

void gauge(prometheus::Registry& registry, const char* name, const char* help, double value) {
  prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({}).Set(value);
}

void counter(prometheus::Registry& registry, const char* name, const char* help, double value) {
  prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({}).Increment(value);
}

}  // namespace

std::string metrics_text(const ServerStats& stats) {
  prometheus::Registry registry;
  gauge(registry, "caisson_http_connections", "Open connections of the API.",
        static_cast<double>(stats.connections));
  gauge(registry, "caisson_http_buffered_bytes", "Bodies and replies that the API holds.",
        static_cast<double>(stats.buffered_bytes));
  counter(registry, "caisson_http_evicted_connections_total",
          "Connections without a complete request that were closed to make room.",
          static_cast<double>(stats.evicted));
  counter(registry, "caisson_http_refused_requests_total",
          "Requests refused because too much is being read or answered.", static_cast<double>(stats.refused));
  gauge(registry, "process_resident_memory_bytes", "Resident memory of the process.", resident_bytes());
  gauge(registry, "process_open_fds", "Open file descriptors of the process.", open_descriptors());
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

}  // namespace caisson::http
