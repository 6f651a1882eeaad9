// What is looked at of the kernel, beside which nothing is changed.
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>

#include "base/bytes.hh"
#include "netd/bpf/caisson_abi.h"
#include "netd/core/fabric.hh"
#include "netd/kernel/netns.hh"
#include "netd/kernel/nft/ruleset.hh"

namespace caisson::netd::core {
namespace {

const std::string kPins = "/sys/fs/bpf";
const std::string kNamespaces = "/run/netns";

/// What is wrong with a link of ours that should be up, or nothing.
std::string fault_of(const std::map<std::string, kernel::Link>& links, const std::string& name) {
  const auto found = links.find(name);
  if (found == links.end()) return name + " is missing";
  if (!found->second.up) return name + " is not up";
  return found->second.alias.starts_with(reconcile::alias_of("")) ? "" : name + " is without its alias";
}

void note(reconcile::Amiss& amiss, const std::string& part, const std::string& fault) {
  if (!fault.empty()) amiss.emplace(part, fault);
}

/// The names in a folder that may not be there.
std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& file : std::filesystem::directory_iterator(folder, failed)) {
    names.push_back(file.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool holds_fabric(const Fd& netns) {
  auto links = kernel::Links::open_in(netns);
  if (!links) return false;
  const auto exit = links.value().find(kExit);
  return exit && exit.value().alias == reconcile::alias_of("exit");
}

Result<std::vector<reconcile::ObservedTable>> tables_of(kernel::Nft& nft, const std::string& like) {
  TRY(const auto names, nft.tables());
  std::vector<reconcile::ObservedTable> tables;
  for (const auto& table : names) {
    if (!like.empty() && !reconcile::has_name_of(like, table.name)) continue;
    const auto listing = nft.list_table(table);
    if (!listing || listing.value().empty()) continue;  // it has just gone
    tables.push_back({.family = table.family,
                      .name = table.name,
                      .marked = listing.value().find(kernel::kTableMark) != std::string::npos});
  }
  return tables;
}

}  // namespace

std::string host_veth(const std::string& instance) {
  return "cu-" + (instance.empty() ? "caisson" : instance);
}

Ipv4Cidr identities() {
  return {{CAISSON_IDENTITY_PREFIX}, 4};
}

bool is_tap_name(const std::string& name) {
  return name.size() == 6 && name.starts_with("cs") &&
         name.find_first_not_of("0123456789abcdef", 2) == std::string::npos;
}

Result<Eyes> Fabric::open_eyes() const {
  TRY(auto host_links, kernel::Links::open_in(host_));
  TRY(auto links, kernel::Links::open_in(netns_));
  TRY(auto host_nft, kernel::Nft::open_in(host_));
  TRY(auto nft, kernel::Nft::open_in(netns_));
  TRY(auto filters, kernel::Filters::open_in(netns_));
  return Eyes{std::move(host_links), std::move(links), std::move(host_nft), std::move(nft),
              std::move(filters)};
}

Result<std::set<std::uint32_t>> Fabric::link_indexes(Eyes& eyes) {
  TRY(const auto links, eyes.links.list());
  std::set<std::uint32_t> indexes;
  for (const auto& [name, link] : links) {
    indexes.insert(link.index);
  }
  return indexes;
}

Result<reconcile::ObservedState> Fabric::observe_links(Eyes& eyes) const {
  reconcile::ObservedState observed;
  TRY(const auto links, eyes.links.list());
  for (const auto& [name, link] : links) {
    add_link(name, link, observed);
  }
  return observed;
}

Result<reconcile::ObservedState> Fabric::observe(Eyes& eyes) const {
  TRY(auto observed, observe_links(eyes));
  for (const auto& name : reconcile::table_names()) {
    TRY(observed.tables[name], datapath_.dump(name));
  }
  return observed;
}

Result<reconcile::Amiss> Fabric::amiss(Eyes& eyes) const {
  reconcile::Amiss amiss;
  TRY(const auto links, eyes.links.list());
  TRY(const auto outer, eyes.host_links.list());
  for (const char* end : {kExit, kExitPeer}) {
    note(amiss, "exit", fault_of(links, end));
  }
  note(amiss, "uplink", fault_of(links, kUplink));
  note(amiss, "uplink", fault_of(outer, host_veth(options_.instance)));
  for (std::uint32_t slot = 0; slot < taps_.size(); ++slot) {
    note(amiss, "slot-" + std::to_string(slot), fault_of(links, tap_name(slot)));
  }
  TRYV(find_unrouted(eyes, links, outer, amiss));
  TRYV(find_detached(eyes, links, amiss));
  TRYV(find_changed_tables(eyes, amiss));
  TRY(const auto pins, datapath_.pins());
  for (const auto& map : pins.missing) {
    amiss.emplace("pin-" + map, "the pin is missing");
  }
  return amiss;
}

Status Fabric::find_changed_tables(Eyes& eyes, reconcile::Amiss& amiss) const {
  TRY(const auto inside, eyes.nft.list_table({"ip", "caisson"}));
  if (inside != fabric_table_) amiss.emplace("table-fabric", "the nft table differs");
  TRY(const auto outside, eyes.host_nft.list_table({"ip", reconcile::host_table_of(name())}));
  if (outside != host_table_) amiss.emplace("table-host", "the nft table differs");
  return ok();
}

Status Fabric::find_unrouted(Eyes& eyes, const std::map<std::string, kernel::Link>& links,
                             const std::map<std::string, kernel::Link>& outer,
                             reconcile::Amiss& amiss) const {
  if (!amiss.contains("exit")) {
    TRY(const bool routed, eyes.links.has_route(identities(), links.at(kExit).index));
    if (!routed) amiss.emplace("exit", "its route is missing");
  }
  for (const auto address : resolver_addresses()) {
    TRY(const bool routed, eyes.links.has_route(Ipv4Cidr(address, 32), links.at("lo").index));
    if (!routed) amiss.emplace("resolver", address.text() + " is missing");
  }
  for (const auto& service : options_.services) {
    for (const auto& cidr : service.cidrs) {
      TRY(const bool routed, eyes.links.has_route(cidr, links.at("lo").index));
      if (!routed) amiss.emplace("services", "the route to " + cidr.text() + " is missing");
    }
  }
  if (amiss.contains("uplink")) return ok();
  const auto inner = links.at(kUplink).index;
  TRY(const bool routed, eyes.links.has_route(Ipv4Cidr({0}, 0), inner));
  TRY(const bool addressed, eyes.links.has_address(inner, options_.fabric_address));
  TRY(const bool outside,
      eyes.host_links.has_address(outer.at(host_veth(options_.instance)).index, options_.host_address));
  if (!routed || !addressed || !outside) amiss.emplace("uplink", "an address or a route is missing");
  return ok();
}

/// Devices whose programs somebody has taken away or replaced.
Status Fabric::find_detached(Eyes& eyes, const std::map<std::string, kernel::Link>& links,
                             reconcile::Amiss& amiss) const {
  struct Device {
    std::string part;
    std::string name;
    std::uint32_t program;
  };
  std::vector<Device> devices;
  std::vector<kernel::FilterPlace> places;
  for (const auto& [name, link] : links) {
    if (!is_ours(link) && link.kind != "tun") continue;
    std::string part;
    auto hook = kernel::Hook::kPort;
    if (name == kExit) {
      part = "exit";
      hook = kernel::Hook::kExit;
    } else if (name == kUplink) {
      part = "uplink";
      hook = kernel::Hook::kUplink;
    } else if (is_part(name) && is_tap_name(name)) {
      part = "slot-" + std::to_string(std::stoul(name.substr(2), nullptr, 16));
    } else if (name.starts_with("cm") && link.master != 0) {
      part = "programs-" + name;
    }
    if (part.empty()) continue;
    for (const auto& [place, program] : datapath_.attached(hook, link.index)) {
      devices.push_back({part, name, program});
      places.push_back(place);
    }
  }
  TRY(const auto there, eyes.filters.programs_at(places));
  for (std::size_t i = 0; i < devices.size(); ++i) {
    if (there[i] != devices[i].program)
      amiss.emplace(devices[i].part, "a program is not attached to " + devices[i].name);
  }
  return ok();
}

Result<reconcile::Plan> Fabric::interrupted_attaches() const {
  reconcile::Plan plan;
  TRY(const auto slots, datapath_.dump("slots"));
  std::set<std::string> bound;
  const std::set<std::uint32_t> taps(taps_.begin(), taps_.end());
  for (const auto& [tap, entry] : slots) {
    if (taps.contains(value_of<std::uint32_t>(tap))) {
      bound.insert(tap);
    } else {
      plan.push_back({reconcile::DeleteEntry{"slots", tap}, "its tap is gone"});
    }
  }
  TRY(const auto blocks, datapath_.dump("blocks"));
  for (const auto& [key, tap] : blocks) {
    if (!bound.contains(tap))
      plan.push_back({reconcile::DeleteEntry{"blocks", key}, "its slot is not bound"});
  }
  return plan;
}

Result<std::vector<reconcile::ObservedNetns>> Fabric::namespaces(
    const std::vector<std::string>& instances) const {
  std::vector<reconcile::ObservedNetns> found;
  for (const auto& file : names_in(kNamespaces)) {
    const bool own = file == name();
    const bool of_instance = std::find(instances.begin(), instances.end(), file) != instances.end();
    if (!reconcile::has_name_of(name(), file) || (of_instance && !own)) continue;
    const auto netns = kernel::open_netns(file);
    if (!netns) continue;  // it is being made, or has just gone
    const bool held = is_netns(netns.value());
    found.push_back({.name = file, .held = held, .fabric = held || (!own && holds_fabric(netns.value()))});
  }
  return found;
}

Result<reconcile::ObservedStrays> Fabric::strays(Eyes& eyes) const {
  reconcile::ObservedStrays strays{
      .inside = {}, .outside = {}, .namespaces = {}, .instances = names_in(kPins)};
  TRY(strays.inside, tables_of(eyes.nft, ""));
  TRY(strays.outside, tables_of(eyes.host_nft, reconcile::host_table_of(name())));
  TRY(strays.namespaces, namespaces(strays.instances));
  return strays;
}

}  // namespace caisson::netd::core
