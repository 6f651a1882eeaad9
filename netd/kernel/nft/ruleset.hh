// nftables, by libnftables. The only user of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/ipv4.hh"
#include "base/result.hh"

struct nft_ctx;

namespace caisson::netd::kernel {

/// A network namespace's tables. One thread at a time.
class Nft {
 public:
  static Result<Nft> open_in(const Fd& netns);
  /// Runs commands of nft(8) as one transaction.
  Status run(const std::string& commands);
  struct TableName {
    std::string family;
    std::string name;
  };
  /// All tables of the namespace.
  Result<std::vector<TableName>> tables();
  /// A table as `nft list table FAMILY NAME` prints it; empty: there is none.
  Result<std::string> list_table(const TableName& table);

 private:
  struct Closer {
    void operator()(nft_ctx* context) const;
  };
  explicit Nft(std::unique_ptr<nft_ctx, Closer> context) : context_(std::move(context)) {}
  std::unique_ptr<nft_ctx, Closer> context_;
};

/// What stands in the listing of a table of ours: its comment.
inline constexpr const char* kTableMark = "comment \"made by caisson netd\"";

/// Where a service is reached in the fabric.
struct OpenService {
  std::vector<Ipv4Cidr> cidrs;
  std::vector<std::uint16_t> ports;  ///< TCP
};

/// The fabric: nothing in but, from segments, questions to the resolver and connections to `services`; forwarded is only
/// what goes out at `uplink` and its answers; the source there is
/// the uplink's address. Replaces the table in one transaction.
std::string fabric_ruleset(const std::string& uplink, const std::vector<OpenService>& services);

/// The host: nothing from the uplink's veth reaches the host itself; what it forwards has the host's address.
std::string host_ruleset(const std::string& table, const std::string& veth, const std::string& network);

}  // namespace caisson::netd::kernel
