#include "netd/kernel/nft/ruleset.hh"

#include <nftables/libnftables.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "netd/kernel/netns.hh"

namespace caisson::netd::kernel {

void Nft::Closer::operator()(nft_ctx* context) const {
  nft_ctx_free(context);
}

Result<Nft> Nft::open_in(const Fd& netns) {
  std::unique_ptr<nft_ctx, Closer> context;
  // The context's socket belongs to the namespace of the thread that makes it. libnftables ends the process if it can
  // open none, so that it must not be opened when descriptors may be short.
  TRYV(in_netns(netns, [&]() -> Status {
    context.reset(nft_ctx_new(NFT_CTX_DEFAULT));
    return ok();
  }));
  if (!context) return Error::system(ENOMEM, "make", "a context of nft");
  (void)nft_ctx_buffer_error(context.get());
  (void)nft_ctx_buffer_output(context.get());
  return Nft(std::move(context));
}

Status Nft::run(const std::string& commands) {
  const int code = nft_run_cmd_from_buffer(context_.get(), commands.c_str());
  const std::string errors = nft_ctx_get_error_buffer(context_.get());  // to read a buffer empties it
  if (code == 0) return ok();
  return Error{.code = "EIO", .message = "nft: " + errors, .errno_value = EIO};
}

Result<std::vector<Nft::TableName>> Nft::tables() {
  (void)nft_ctx_get_output_buffer(context_.get());
  TRYV(run("list tables"));
  std::istringstream lines(nft_ctx_get_output_buffer(context_.get()));
  std::vector<TableName> tables;
  std::string word;
  TableName table;
  while (lines >> word >> table.family >> table.name) {
    tables.push_back(table);
  }
  return tables;
}

Result<std::string> Nft::list_table(const TableName& wanted) {
  TRY(const auto there, tables());
  const bool found = std::any_of(there.begin(), there.end(), [&](const TableName& table) {
    return table.family == wanted.family && table.name == wanted.name;
  });
  if (!found) return std::string();
  TRYV(run("list table " + wanted.family + " " + wanted.name));
  return std::string(nft_ctx_get_output_buffer(context_.get()));
}

namespace {

template <class Items, class Text>
std::string set_of(const Items& items, const Text& text) {
  std::string set;
  for (const auto& item : items) {
    set += (set.empty() ? "{ " : ", ") + text(item);
  }
  return set + " }";
}

/// From segments alone, and errors about what was let in.
std::string service_rules(const std::vector<OpenService>& services) {
  std::string rules;
  for (const auto& service : services) {
    const std::string from = "    iifname \"br-*\" ip daddr " +
                             set_of(service.cidrs, [](const auto& cidr) { return cidr.text(); });
    rules += from + " tcp dport " +
             set_of(service.ports, [](std::uint16_t port) { return std::to_string(port); }) + " accept\n";
    rules += from + " ct state related accept\n";
  }
  return rules;
}

}  // namespace

std::string fabric_ruleset(const std::string& uplink, const std::vector<OpenService>& services) {
  return "table ip caisson\n"
         "delete table ip caisson\n"
         "table ip caisson {\n  " +
         std::string(kTableMark) +
         "\n"
         // Each question would take a place among all tracked connections.
         "  chain arriving {\n"
         "    type filter hook prerouting priority raw; policy accept;\n"
         "    iifname \"br-*\" ip daddr { 169.254.169.252, 169.254.169.253 } notrack\n"
         "  }\n"
         "  chain answering {\n"
         "    type filter hook output priority raw; policy accept;\n"
         "    ip saddr { 169.254.169.252, 169.254.169.253 } notrack\n"
         "  }\n"
         "  chain incoming {\n"
         "    type filter hook input priority filter; policy drop;\n"
         "    iifname \"br-*\" ip daddr { 169.254.169.252, 169.254.169.253 } udp dport 53 accept\n"
         "    iifname \"br-*\" ip daddr { 169.254.169.252, 169.254.169.253 } tcp dport 53 accept\n" +
         service_rules(services) +
         "  }\n"
         "  chain passing {\n"
         "    type filter hook forward priority filter; policy drop;\n"
         "    iifname \"br-*\" oifname \"" +
         uplink +
         "\" accept\n"
         "    iifname \"" +
         uplink +
         "\" ct state established,related accept\n"
         "  }\n"
         "  chain leaving {\n"
         "    type nat hook postrouting priority srcnat; policy accept;\n"
         "    ip saddr 240.0.0.0/4 oifname \"" +
         uplink +
         "\" masquerade\n"
         "  }\n"
         "}\n";
}

std::string host_ruleset(const std::string& table, const std::string& veth, const std::string& network) {
  return "table ip " + table + "\ndelete table ip " + table + "\ntable ip " + table + " {\n  " + kTableMark +
         "\n"
         "  chain incoming {\n"
         "    type filter hook input priority filter - 10; policy accept;\n"
         "    iifname \"" +
         veth +
         "\" drop\n"
         "  }\n"
         "  chain leaving {\n"
         "    type nat hook postrouting priority srcnat; policy accept;\n"
         "    ip saddr " +
         network + " oifname != \"" + veth +
         "\" masquerade\n"
         "  }\n"
         "}\n";
}

}  // namespace caisson::netd::kernel
