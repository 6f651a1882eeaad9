// Further addresses for function interfaces whose blocks of ports run low.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "netd/core/backend.hh"
#include "netd/core/slots.hh"

namespace caisson::netd::core {

/// Thread-safe. Asks the writer, as any caller would, for one address at a time and interface: the command is stamped
/// and stored, and nobody waits for it.
class Growth {
 public:
  using Submit = std::function<void(Request, Backend::Reply)>;
  explicit Growth(Submit submit) : submit_(std::move(submit)) {}

  /// The interface is to have one address more than `interface` says. One that is being asked for already is not asked
  /// for again, nor one beyond its quota.
  void ask(const vpc::State& state, const std::string& interface);
  /// Only these are low still: the failures of others are over.
  void keep(const std::vector<Slots::Interface>& low);
  /// Interfaces that are low and that the writer refused an address the last time.
  [[nodiscard]] std::size_t starved() const;

 private:
  void done(const std::string& interface, const Result<nlohmann::json>& result);

  Submit submit_;
  mutable std::mutex mutex_;
  std::set<std::string> asked_;
  std::map<std::string, std::string> starved_;  ///< and why
};

}  // namespace caisson::netd::core
