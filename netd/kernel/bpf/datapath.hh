// The four programs and their maps. The only user of libbpf.
//
// Maps are pinned in the instance's folder of bpffs and outlive the daemon; programs are loaded anew at each start and
// replaced in place (BPF_TC_F_REPLACE), so that no packet passes without one. Map calls are thread-safe; the others
// belong to one thread, and attach() to one inside the fabric.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"
#include "netd/kernel/netlink/filters.hh"

namespace caisson::netd::kernel {

enum class Hook {
  kPort,    ///< from_guest at ingress, to_guest at egress
  kExit,    ///< from_stack at egress
  kUplink,  ///< from_uplink at ingress
};

/// Mounts bpffs where the machine has not, and makes a folder of the programs' user alone in it.
Status make_pin_folder(const std::string& folder);

class Datapath {
 public:
  /// Loads the programs; maps pinned below `folder` are reused. Error EPROTO: they are of another ABI version.
  static Result<Datapath> load(const std::string& folder);
  Datapath(Datapath&&) noexcept;
  Datapath& operator=(Datapath&&) noexcept;
  ~Datapath();

  /// Makes the device's clsact qdisc and attaches, or replaces what is attached. In the device's namespace.
  Status attach(Hook hook, std::uint32_t ifindex, const std::string& name);

  /// Where attach() puts which programs: what stands there as long as nobody has undone it.
  struct Attached {
    FilterPlace place;
    std::uint32_t program = 0;  ///< its id
  };
  [[nodiscard]] std::vector<Attached> attached(Hook hook, std::uint32_t ifindex) const;

  /// The folder's pins: maps of ours that have none, and files that are none of our maps.
  struct Pins {
    std::vector<std::string> missing;
    std::vector<std::string> unknown;
  };
  [[nodiscard]] Result<Pins> pins() const;
  [[nodiscard]] Status pin(const std::string& map) const;
  [[nodiscard]] Status unpin(const std::string& file) const;

  /// Key and value are bytes of the ABI's structs.
  [[nodiscard]] Result<std::map<std::string, std::string>> dump(const std::string& map) const;
  /// As dump(), without keeping anything. The map may change meanwhile, also by the visitor: an entry that is there all
  /// the time is seen, perhaps twice.
  using Visitor = std::function<void(std::string_view key, std::string_view value)>;
  [[nodiscard]] Status visit(const std::string& map, const Visitor& visitor) const;
  /// Where a visit of a part of a map left off; empty: at the beginning, and again at the end.
  using Cursor = std::string;
  /// Visits at least so many entries, in steps of a few thousand, or what there is until the end.
  [[nodiscard]] Status visit_some(const std::string& map, std::size_t entries, Cursor& cursor,
                                  const Visitor& visitor) const;
  [[nodiscard]] Status put(const std::string& map, const std::string& key, const std::string& value) const;
  /// Many in few calls of the kernel. An error: some may have been written.
  struct Entry {
    std::string_view key;
    std::string_view value;
  };
  [[nodiscard]] Status put_all(const std::string& map, const std::vector<Entry>& entries) const;
  [[nodiscard]] Status erase_all(const std::string& map, const std::vector<std::string>& keys) const;
  /// One that is not there is a success.
  [[nodiscard]] Status erase(const std::string& map, const std::string& key) const;
  /// Empty: there is none.
  [[nodiscard]] std::string get(const std::string& map, const std::string& key) const;

 private:
  struct Impl;
  explicit Datapath(std::unique_ptr<Impl> impl);
  [[nodiscard]] Status visit_one_by_one(const std::string& map, const Visitor& visitor) const;
  [[nodiscard]] Status check_version() const;
  std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::netd::kernel
