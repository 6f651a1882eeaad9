#include "netd/kernel/nft/ruleset.hh"

#include <nftables/libnftables.h>

#include <memory>

#include "netd/kernel/netns.hh"

namespace caisson::netd::kernel {
namespace {

struct ContextCloser {
  void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};

/// `output`, where it is given, gets what the commands print.
Status run_here(const std::string& commands, std::string* output = nullptr) {
  // The context's socket belongs to the namespace of the thread that makes it.
  const std::unique_ptr<nft_ctx, ContextCloser> context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context) return Error{.code = "ENOMEM", .message = "nft: no context", .errno_value = 12};
  (void)nft_ctx_buffer_error(context.get());
  (void)nft_ctx_buffer_output(context.get());
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) == 0) {
    if (output != nullptr) *output = nft_ctx_get_output_buffer(context.get());
    return ok();
  }
  return Error{.code = "EIO",
               .message = std::string("nft: ") + nft_ctx_get_error_buffer(context.get()),
               .errno_value = 5};
}

}  // namespace

Status run_nft(const Fd& netns, const std::string& commands) {
  return in_netns(netns, [&] { return run_here(commands); });
}

Result<std::string> list_nft_table(const Fd& netns, const std::string& name) {
  std::string tables;
  std::string listed;
  TRYV(in_netns(netns, [&]() -> Status {
    TRYV(run_here("list tables ip", &tables));
    if (tables.find("table ip " + name + "\n") == std::string::npos) return ok();
    return run_here("list table ip " + name, &listed);
  }));
  return listed;
}

std::string fabric_ruleset(const std::string& uplink) {
  return "table ip caisson\n"
         "delete table ip caisson\n"
         "table ip caisson {\n  " +
         std::string(kTableMark) +
         "\n"
         "  chain incoming {\n"
         "    type filter hook input priority filter; policy drop;\n"
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
