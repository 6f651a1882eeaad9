// What is to be done to the kernel: a list that can be printed, and the pure function that makes it.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "netd/reconcile/tables.hh"
#include "vpc/compile/desired_state.hh"

namespace caisson::netd::reconcile {

/// What bears our mark in the fabric, by name.
struct ObservedBridge {
  std::string alias;
  std::uint32_t index = 0;
  bool up = false;
};
struct ObservedPort {
  std::string alias;
  std::uint32_t index = 0;
  std::uint32_t master = 0;
  bool up = false;
};
struct ObservedState {
  std::map<std::string, ObservedBridge> bridges;
  std::map<std::string, ObservedPort> members;
  /// What bears our mark and is none of the above, nor what every instance has: by name, the alias.
  std::map<std::string, std::string> strangers;
  Tables tables;
};

/// What every instance has whatever its model is ("exit", "uplink", "slot-3", "table-fabric", "pin-flows"), and
/// the programs of its ports ("programs-cm00000004"): what of it is not as it should be, and how.
using Amiss = std::map<std::string, std::string>;

struct MakeBridge {
  std::string name;
  std::string alias;
};
/// Makes the veth, or finishes one that was interrupted: down, with the programs, closed until its entry is in `members`.
struct MakeMember {
  std::string port;
  std::string alias;
  vpc::DesiredMember member;
};
/// After the maps are filled.
struct OpenMember {
  std::string port;
  std::string netns;
};
struct DeleteLink {
  std::string name;
};
struct PutEntry {
  std::string table;
  std::string key;
  std::string value;
};
struct DeleteEntry {
  std::string table;
  std::string key;
};

/// Makes a part of Amiss whole again.
struct Repair {
  std::string part;
};
/// A file of our folder in bpffs that is no map of ours.
struct DeletePin {
  std::string file;
};

/// An nft table by our mark that is none of the two that an instance has.
struct DeleteTable {
  bool inside = false;  ///< of the fabric; else of the host
  std::string family;
  std::string name;
};
/// What bears our name and is not ours to remove: to be read, not to be done.
struct Report {
  std::string object;
};

struct Operation {
  std::variant<MakeBridge, MakeMember, OpenMember, DeleteLink, PutEntry, DeleteEntry, Repair, DeletePin,
               DeleteTable, Report>
      what;
  std::string reason;

  [[nodiscard]] std::string name() const;    ///< "MakeBridge"
  [[nodiscard]] std::string object() const;  ///< "br-0123456789", "members 05000000"
};
using Plan = std::vector<Operation>;

/// The mark of what belongs to us: "caisson:" and the id.
std::string alias_of(const std::string& id);

/// The indexes of the bridges and members.
Indexes indexes_of(const ObservedState& observed);

/// Links that are missing or not as they should be are made, in the order in which they can be.
Plan diff_links(const vpc::DesiredState& desired, const ObservedState& observed);

/// What every instance has, made whole; files that no map of ours has pinned go.
Plan diff_parts(const Amiss& amiss, const std::vector<std::string>& unknown_pins);

/// How many objects the plan removes, or reports: what bears our mark or our names without an instance having it.
std::size_t leaked_objects(const Plan& plan);

/// Nothing is to be done but to read it.
bool only_reports(const Plan& plan);

/// What of `plan` is in `other`, too, by kind and object: of two comparisons while the model changes, what neither change
/// explains.
Plan in_both(const Plan& plan, const Plan& other);

/// Members that are not desired any more are closed first; then the new is written, `vpcs` after what it publishes;
/// what nothing refers to any more goes last.
Plan diff_tables(const Tables& desired, const Tables& observed);

/// Marked links that are not desired; after the tables do not speak of them.
Plan diff_leftovers(const vpc::DesiredState& desired, const ObservedState& observed);

}  // namespace caisson::netd::reconcile
