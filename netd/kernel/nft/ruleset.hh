// nftables, by libnftables. The only user of it.
#pragma once

#include <string>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::netd::kernel {

/// Runs commands of nft(8) as one transaction in the namespace.
Status run_nft(const Fd& netns, const std::string& commands);

/// A table as `nft list table ip NAME` prints it; empty: there is none.
Result<std::string> list_nft_table(const Fd& netns, const std::string& name);

/// What stands in the listing of a table of ours: its comment.
inline constexpr const char* kTableMark = "comment \"made by caisson netd\"";

/// The fabric: nothing in, forwarded is only what goes out at `uplink` and its answers; the source there is
/// the uplink's address. Replaces the table in one transaction.
std::string fabric_ruleset(const std::string& uplink);

/// The host: nothing from the uplink's veth reaches the host itself; what it forwards has the host's address.
std::string host_ruleset(const std::string& table, const std::string& veth, const std::string& network);

}  // namespace caisson::netd::kernel
