// Who else changes the network: the kernel's own notifications of links, filters, addresses, routes and nft tables.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::netd::kernel {

/// Tells that something was changed, not what: who wants to know compares. Our own changes are told, too. One thread,
/// but for stop().
class Watch {
 public:
  /// Links, filters, addresses, routes and nft tables of both namespaces; files that come or go in `folder`.
  static Result<Watch> open(const Fd& host, const Fd& fabric, const std::string& folder);

  /// Waits for a change, and reads away what is known of it; false: stop() was called.
  bool wait();
  /// Any thread.
  void stop() const;

 private:
  Watch() = default;
  std::vector<Fd> sources_;  ///< the first one is stop()'s
};

}  // namespace caisson::netd::kernel
