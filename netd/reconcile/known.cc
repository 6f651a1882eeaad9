#include "netd/reconcile/known.hh"

namespace caisson::netd::reconcile {
namespace {

template <class Wanted, class Link>
void take(const std::map<std::string, Wanted>& wanted, const std::map<std::string, Link>& known,
          std::map<std::string, Link>& part) {
  for (const auto& [name, link] : wanted) {
    if (const auto found = known.find(name); found != known.end()) part.insert(*found);
  }
}

}  // namespace

ObservedState known_part(const Known& known, const vpc::DesiredState& before,
                         const vpc::DesiredState& after) {
  ObservedState part;
  for (const auto* desired : {&before, &after}) {
    take(desired->bridges, known.links.bridges, part.bridges);
    take(desired->members, known.links.members, part.members);
  }
  part.tables = written_tables(before, indexes_of(part), known.generations);
  return part;
}

void note_links(Known& known, const ObservedState& before, const ObservedState& after) {
  for (const auto& [name, bridge] : before.bridges) {
    known.links.bridges.erase(name);
  }
  for (const auto& [name, member] : before.members) {
    known.links.members.erase(name);
  }
  known.links.bridges.insert(after.bridges.begin(), after.bridges.end());
  known.links.members.insert(after.members.begin(), after.members.end());
}

void note_written(Known& known, const vpc::DesiredState& before, const Tables& written) {
  for (const auto& [vpc, policy] : before.policies) {
    known.generations.erase(vpc);
  }
  known.generations.merge(generations_of(written));
}

std::vector<std::string> links_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const auto& operation : plan) {
    if (std::holds_alternative<MakeBridge>(operation.what) ||
        std::holds_alternative<MakeMember>(operation.what) ||
        std::holds_alternative<OpenMember>(operation.what) ||
        std::holds_alternative<DeleteLink>(operation.what)) {
      names.push_back(operation.object());
    }
  }
  return names;
}

}  // namespace caisson::netd::reconcile
