#include "netd/reconcile/plan.hh"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace caisson::netd::reconcile {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

const Table& table_of(const Tables& tables, const std::string& name) {
  static const Table kEmpty;
  const auto found = tables.find(name);
  return found == tables.end() ? kEmpty : found->second;
}

void delete_surplus(const std::string& name, const Tables& desired, const Tables& observed, Plan& plan) {
  const Table& wanted = table_of(desired, name);
  for (const auto& [key, value] : table_of(observed, name)) {
    if (!wanted.contains(key)) plan.push_back({DeleteEntry{name, key}, "not in the model"});
  }
}

void put_missing(const std::string& name, const Tables& desired, const Tables& observed, Plan& plan) {
  const Table& there = table_of(observed, name);
  for (const auto& [key, value] : table_of(desired, name)) {
    const auto found = there.find(key);
    if (found == there.end()) {
      plan.push_back({PutEntry{name, key, value}, "missing"});
    } else if (found->second != value) {
      plan.push_back({PutEntry{name, key, value}, "differs from the model"});
    }
  }
}

}  // namespace

std::string alias_of(const std::string& id) {
  return "caisson:" + id;
}

std::string Operation::name() const {
  return std::visit(
      Overloaded{
          [](const MakeBridge&) { return "MakeBridge"; }, [](const MakeMember&) { return "MakeMember"; },
          [](const OpenMember&) { return "OpenMember"; }, [](const DeleteLink&) { return "DeleteLink"; },
          [](const PutEntry&) { return "PutEntry"; }, [](const DeleteEntry&) { return "DeleteEntry"; },
          [](const Repair&) { return "Repair"; }, [](const DeletePin&) { return "DeletePin"; },
          [](const DeleteTable&) { return "DeleteTable"; }, [](const Report&) { return "Report"; }},
      what);
}

std::string Operation::object() const {
  return std::visit(
      Overloaded{[](const MakeBridge& made) { return made.name; },
                 [](const MakeMember& made) { return made.port; },
                 [](const OpenMember& opened) { return opened.port; },
                 [](const DeleteLink& deleted) { return deleted.name; },
                 [](const PutEntry& put) { return describe_key(put.table, put.key); },
                 [](const DeleteEntry& deleted) { return describe_key(deleted.table, deleted.key); },
                 [](const Repair& repair) { return repair.part; },
                 [](const DeletePin& deleted) { return deleted.file; },
                 [](const DeleteTable& deleted) {
                   return (deleted.inside ? "fabric " : "host ") + deleted.family + " " + deleted.name;
                 },
                 [](const Report& report) { return report.object; }},
      what);
}

Indexes indexes_of(const ObservedState& observed) {
  Indexes indexes;
  for (const auto& [name, bridge] : observed.bridges) {
    indexes[name] = bridge.index;
  }
  for (const auto& [name, port] : observed.members) {
    indexes[name] = port.index;
  }
  return indexes;
}

Plan diff_links(const vpc::DesiredState& desired, const ObservedState& observed) {
  Plan plan;
  for (const auto& [name, bridge] : desired.bridges) {
    const auto found = observed.bridges.find(name);
    const std::string alias = alias_of(bridge.subnet.text());
    if (found == observed.bridges.end()) {
      plan.push_back({MakeBridge{name, alias}, "missing"});
    } else if (!found->second.up || found->second.alias != alias) {
      plan.push_back({MakeBridge{name, alias}, found->second.up ? "without its alias" : "not up"});
    }
  }
  for (const auto& [port, member] : desired.members) {
    const auto found = observed.members.find(port);
    const std::string alias = alias_of(member.interface.text());
    const auto bridge = observed.bridges.find(member.bridge);
    if (found == observed.members.end()) {
      plan.push_back({MakeMember{port, alias, member}, "missing"});
    } else if (found->second.alias != alias) {
      plan.push_back({MakeMember{port, alias, member}, "without its alias"});
    } else if (bridge == observed.bridges.end() || found->second.master != bridge->second.index) {
      // The bridge is what a port gets last: without it nothing else is certain.
      plan.push_back({MakeMember{port, alias, member}, "not on its bridge"});
    }
    if (found == observed.members.end() || !found->second.up) {
      plan.push_back({OpenMember{port, member.netns}, "not up"});
    }
  }
  return plan;
}

Plan diff_tables(const Tables& desired, const Tables& observed) {
  Plan plan;
  delete_surplus("members", desired, observed, plan);
  delete_surplus("enis", desired, observed, plan);
  for (const auto& name : table_names()) {
    put_missing(name, desired, observed, plan);
  }
  for (auto name = table_names().rbegin(); name != table_names().rend(); ++name) {
    if (*name != "members" && *name != "enis") delete_surplus(*name, desired, observed, plan);
  }
  return plan;
}

Plan diff_leftovers(const vpc::DesiredState& desired, const ObservedState& observed) {
  Plan plan;
  for (const auto& [name, port] : observed.members) {
    if (!desired.members.contains(name)) plan.push_back({DeleteLink{name}, "not in the model"});
  }
  for (const auto& [name, bridge] : observed.bridges) {
    if (!desired.bridges.contains(name)) plan.push_back({DeleteLink{name}, "not in the model"});
  }
  for (const auto& [name, alias] : observed.strangers) {
    plan.push_back({DeleteLink{name}, "not in the model"});
  }
  return plan;
}

Plan diff_parts(const Amiss& amiss, const std::vector<std::string>& unknown_pins) {
  Plan plan;
  for (const auto& [part, reason] : amiss) {
    plan.push_back({Repair{part}, reason});
  }
  for (const auto& file : unknown_pins) {
    plan.push_back({DeletePin{file}, "not a map of ours"});
  }
  return plan;
}

std::size_t leaked_objects(const Plan& plan) {
  return static_cast<std::size_t>(std::count_if(plan.begin(), plan.end(), [](const Operation& operation) {
    return std::holds_alternative<DeleteLink>(operation.what) ||
           std::holds_alternative<DeleteEntry>(operation.what) ||
           std::holds_alternative<DeletePin>(operation.what) ||
           std::holds_alternative<DeleteTable>(operation.what) ||
           std::holds_alternative<Report>(operation.what);
  }));
}

bool only_reports(const Plan& plan) {
  return std::all_of(plan.begin(), plan.end(), [](const Operation& operation) {
    return std::holds_alternative<Report>(operation.what);
  });
}

Plan in_both(const Plan& plan, const Plan& other) {
  std::set<std::pair<std::string, std::string>> known;
  for (const Operation& operation : other)
    known.emplace(operation.name(), operation.object());
  Plan both;
  std::copy_if(plan.begin(), plan.end(), std::back_inserter(both), [&](const Operation& operation) {
    return known.contains({operation.name(), operation.object()});
  });
  return both;
}

}  // namespace caisson::netd::reconcile
