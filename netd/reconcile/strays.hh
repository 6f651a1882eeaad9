// Objects by our names beside those that an instance has: nft tables and network namespaces that somebody else made, or
// that a netd left behind. Pure: which of them are to go, and which are only to be told of.
#pragma once

#include <string>
#include <vector>

#include "netd/reconcile/plan.hh"

namespace caisson::netd::reconcile {

struct ObservedTable {
  std::string family;  ///< "ip", "inet", ...
  std::string name;
  bool marked = false;  ///< it says that a netd made it
};

/// A name below /run/netns.
struct ObservedNetns {
  std::string name;
  bool held = false;    ///< the very namespace that this netd works in
  bool fabric = false;  ///< it holds the links of a fabric
};

struct ObservedStrays {
  std::vector<ObservedTable> inside;   ///< the fabric's
  std::vector<ObservedTable> outside;  ///< the host's
  std::vector<ObservedNetns> namespaces;
  /// Folders of maps in bpffs: "caisson-NAME" for each instance that there is.
  std::vector<std::string> instances;
};

/// The names that an instance has, and all that begins with one of them and '-' or '_' (they are the names of instances
/// that begin with this one's, or were).
bool has_name_of(const std::string& instance_name, const std::string& name);

/// A host's table of an instance of this name: "caisson-a" has "caisson_a".
std::string host_table_of(const std::string& instance_name);

/// A table by our mark that no instance has is deleted. What bears our name alone is reported, and so is a namespace:
/// somebody's processes may be in it.
Plan diff_strays(const std::string& instance_name, const ObservedStrays& observed);

}  // namespace caisson::netd::reconcile
