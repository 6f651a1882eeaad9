// The resolvers that other names are asked of.
#pragma once

#include <string>
#include <vector>

#include "base/result.hh"
#include "endpoints/dns/forwarder.hh"

namespace caisson::endpoints {

/// `texts` are ADDRESS[:PORT]; none: the host's, from /etc/resolv.conf, without those that have IPv6 addresses.
/// Error BadOption.
Result<std::vector<dns::Resolver>> choose_resolvers(const std::vector<std::string>& texts);

}  // namespace caisson::endpoints
