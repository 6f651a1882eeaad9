// Network namespaces: made, opened, entered.
#pragma once

#include <functional>
#include <string>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::netd::kernel {

/// The namespace bound at /run/netns/NAME. Error ENOENT: there is none.
Result<Fd> open_netns(const std::string& name);

/// The calling thread's own.
Result<Fd> current_netns();

/// Makes the namespace and binds it at /run/netns/NAME, as `ip netns add` does; one that is there is kept.
Status ensure_netns(const std::string& name);

/// Runs `work` on a thread of its own inside the namespace, and waits for it: the caller's namespace never changes.
/// Files of /proc/sys/net that `work` opens are those of the namespace.
Status in_netns(const Fd& netns, const std::function<Status()>& work);

/// Writes one setting: "ipv4/ip_forward", "1". On the thread of in_netns().
Status set_sysctl(const std::string& name, const std::string& value);

}  // namespace caisson::netd::kernel
