#include "netd/reconcile/strays.hh"

#include <algorithm>

namespace caisson::netd::reconcile {
namespace {

constexpr const char* kFabricTable = "caisson";

bool has(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

void judge(const ObservedTable& table, bool inside, Plan& plan) {
  const std::string text = table.family + " " + table.name;
  if (table.marked) {
    plan.push_back({DeleteTable{inside, table.family, table.name}, "no instance has it"});
  } else {
    plan.push_back({Report{(inside ? "fabric table " : "host table ") + text},
                    "not ours, by our name; remove it (nft delete table " + text + ")"});
  }
}

void judge_inside(const ObservedTable& table, Plan& plan) {
  if (table.family == "ip" && table.name == kFabricTable) return;
  if (table.marked || has_name_of(kFabricTable, table.name)) judge(table, true, plan);
}

void judge_outside(const std::string& instance_name, const ObservedStrays& observed,
                   const ObservedTable& table, Plan& plan) {
  const std::string own = host_table_of(instance_name);
  if (!has_name_of(own, table.name) || (table.family == "ip" && table.name == own)) return;
  const bool of_another = std::any_of(
      observed.instances.begin(), observed.instances.end(),
      [&](const auto& name) { return name != instance_name && host_table_of(name) == table.name; });
  if (!of_another) judge(table, false, plan);
}

void judge_namespace(const std::string& instance_name, const ObservedStrays& observed,
                     const ObservedNetns& netns, Plan& plan) {
  const std::string remedy = "; remove it (ip netns delete " + netns.name + ")";
  if (netns.name == instance_name) {
    if (!netns.held)
      plan.push_back(
          {Report{"netns " + netns.name}, "not the fabric, by its name" + remedy + " and restart netd"});
  } else if (netns.fabric && !netns.held && has_name_of(instance_name, netns.name) &&
             !has(observed.instances, netns.name)) {
    plan.push_back({Report{"netns " + netns.name}, "a fabric that no instance has" + remedy});
  }
}

}  // namespace

bool has_name_of(const std::string& instance_name, const std::string& name) {
  return name == instance_name || name.starts_with(instance_name + "-") ||
         name.starts_with(instance_name + "_");
}

std::string host_table_of(const std::string& instance_name) {
  std::string table = instance_name;
  if (const auto dash = table.find('-'); dash != std::string::npos) table[dash] = '_';
  return table;
}

Plan diff_strays(const std::string& instance_name, const ObservedStrays& observed) {
  Plan plan;
  for (const auto& table : observed.inside) {
    judge_inside(table, plan);
  }
  for (const auto& table : observed.outside) {
    judge_outside(instance_name, observed, table, plan);
  }
  for (const auto& netns : observed.namespaces) {
    judge_namespace(instance_name, observed, netns, plan);
  }
  return plan;
}

}  // namespace caisson::netd::reconcile
