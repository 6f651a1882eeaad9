#include "netd/reconcile/plan.hh"

#include <gmock/gmock.h>

namespace caisson::netd::reconcile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// "PutEntry vpcs 61 (missing)" and so on.
std::vector<std::string> lines(const Plan& plan) {
  std::vector<std::string> lines;
  for (const auto& operation : plan) {
    lines.push_back(operation.name() + " " + operation.object() + " (" + operation.reason + ")");
  }
  return lines;
}

const auto kSubnet = *vpc::SubnetId::parse("subnet-0123456789abcdef0");
const auto kInterface = *vpc::NetworkInterfaceId::parse("eni-0123456789abcdef0");

vpc::DesiredState one_member() {
  vpc::DesiredState desired;
  desired.bridges["br-a"] = {kSubnet};
  desired.members["cm1"] = {.interface = kInterface, .netns = "db", .bridge = "br-a"};
  return desired;
}

TEST(Alias, IsOurMark) {
  EXPECT_EQ(alias_of("vpc-1"), "caisson:vpc-1");
}

TEST(InBoth, IsWhatTwoPlansShareByKindAndObject) {
  const Plan plan{
      {PutEntry{"routes", "k", "1"}, "missing"}, {DeleteEntry{"routes", "k"}, "-"}, {DeletePin{"x"}, "-"}};
  const Plan other{
      {PutEntry{"routes", "k", "2"}, "differs"}, {DeleteEntry{"enis", "k"}, "-"}, {DeletePin{"x"}, "-"}};
  EXPECT_THAT(lines(in_both(plan, other)), ElementsAre("PutEntry routes 6b (missing)", "DeletePin x (-)"));
  EXPECT_THAT(in_both(plan, {}), IsEmpty());
}

TEST(DiffLinks, MakesWhatIsMissing) {
  const auto plan = diff_links(one_member(), {});
  EXPECT_THAT(lines(plan), ElementsAre("MakeBridge br-a (missing)", "MakeMember cm1 (missing)",
                                       "OpenMember cm1 (not up)"));
  EXPECT_EQ(std::get<MakeBridge>(plan[0].what).alias, "caisson:subnet-0123456789abcdef0");
  EXPECT_EQ(std::get<MakeMember>(plan[1].what).alias, "caisson:eni-0123456789abcdef0");
  EXPECT_EQ(std::get<OpenMember>(plan[2].what).netns, "db");
}

TEST(DiffLinks, RepairsWhatIsDown) {
  ObservedState observed;
  observed.bridges["br-a"] = {"caisson:subnet-0123456789abcdef0", 7, true};
  observed.members["cm1"] = {"caisson:eni-0123456789abcdef0", 8, 7, true};
  EXPECT_THAT(diff_links(one_member(), observed), IsEmpty());
  observed.members["cm1"].up = false;
  EXPECT_THAT(lines(diff_links(one_member(), observed)), ElementsAre("OpenMember cm1 (not up)"));
  observed.bridges["br-a"].up = false;
  EXPECT_THAT(lines(diff_links(one_member(), observed)),
              ElementsAre("MakeBridge br-a (not up)", "OpenMember cm1 (not up)"));
}

TEST(DiffLinks, FinishesWhatWasInterrupted) {
  ObservedState observed;
  observed.bridges["br-a"] = {"", 7, true};
  observed.members["cm1"] = {"", 8, 0, false};
  EXPECT_THAT(lines(diff_links(one_member(), observed)),
              ElementsAre("MakeBridge br-a (without its alias)", "MakeMember cm1 (without its alias)",
                          "OpenMember cm1 (not up)"));
  observed.bridges["br-a"].alias = "caisson:subnet-0123456789abcdef0";
  observed.members["cm1"] = {"caisson:eni-0123456789abcdef0", 8, 0, true};
  EXPECT_THAT(lines(diff_links(one_member(), observed)), ElementsAre("MakeMember cm1 (not on its bridge)"));
  observed.members["cm1"].master = 9;
  EXPECT_THAT(lines(diff_links(one_member(), observed)), ElementsAre("MakeMember cm1 (not on its bridge)"));
}

TEST(DiffParts, RepairsAndRemoves) {
  const auto plan = diff_parts({{"exit", "exit0 is not up"}}, {"stranger"});
  EXPECT_THAT(lines(plan),
              ElementsAre("Repair exit (exit0 is not up)", "DeletePin stranger (not a map of ours)"));
}

TEST(LeakedObjects, AreThoseThatThePlanRemoves) {
  ObservedState observed;
  observed.strangers["br0"] = "caisson:x";
  auto plan = diff_leftovers({}, observed);
  EXPECT_THAT(lines(plan), ElementsAre("DeleteLink br0 (not in the model)"));
  for (const auto& operation : diff_parts({{"exit", "exit0 is not up"}}, {"stranger"})) {
    plan.push_back(operation);
  }
  plan.push_back({DeleteEntry{"routes", "a"}, "not in the model"});
  plan.push_back({PutEntry{"routes", "b", "c"}, "missing"});
  EXPECT_EQ(leaked_objects(plan), 3U);
}

TEST(DiffLeftovers, DeletesMembersBeforeBridges) {
  ObservedState observed;
  observed.bridges["br-a"] = {"caisson:x", 7, true};
  observed.bridges["br-b"] = {"caisson:x", 9, true};
  observed.members["cm1"] = {"caisson:y", 8, 7, true};
  observed.members["cm2"] = {"caisson:y", 10, 9, true};
  EXPECT_THAT(diff_leftovers(one_member(), {}), IsEmpty());
  EXPECT_THAT(lines(diff_leftovers(one_member(), observed)),
              ElementsAre("DeleteLink cm2 (not in the model)", "DeleteLink br-b (not in the model)"));
}

TEST(Indexes, AreThoseOfBridgesAndMembers) {
  ObservedState observed;
  observed.bridges["br-a"] = {"", 7, true};
  observed.members["cm1"] = {"", 8, 7, true};
  EXPECT_EQ(indexes_of(observed), (Indexes{{"br-a", 7}, {"cm1", 8}}));
}

Tables every_table(const std::string& key, const std::string& value) {
  Tables tables;
  for (const auto& name : table_names())
    tables[name][key] = value;
  return tables;
}

std::size_t place(const std::vector<std::string>& all, const std::string& line) {
  const auto found = std::find(all.begin(), all.end(), line);
  EXPECT_NE(found, all.end()) << line;
  return static_cast<std::size_t>(found - all.begin());
}

TEST(DiffTables, OfEqualTablesIsNothing) {
  const auto tables = every_table("a", "1");
  EXPECT_THAT(diff_tables(tables, tables), IsEmpty());
  EXPECT_THAT(diff_tables({}, {}), IsEmpty());
  Tables empty;
  for (const auto& name : table_names())
    empty[name];
  EXPECT_THAT(diff_tables({}, empty), IsEmpty());
  EXPECT_THAT(diff_tables(empty, {}), IsEmpty());
}

TEST(DiffTables, PublishesAfterWhatItRefersTo) {
  const auto all = lines(diff_tables(every_table("a", "1"), {}));
  EXPECT_EQ(all.size(), table_names().size());
  const auto at = [&](const std::string& table) { return place(all, "PutEntry " + table + " 61 (missing)"); };
  EXPECT_LT(at("classes"), at("vpcs"));
  EXPECT_LT(at("sg_rules"), at("vpcs"));
  EXPECT_LT(at("vpcs"), at("enis"));
  EXPECT_LT(at("routes"), at("enis"));
  EXPECT_LT(at("eni_flows"), at("enis"));
  EXPECT_LT(at("enis"), at("members"));
}

TEST(DiffTables, ClosesFirstAndDeletesLast) {
  const auto all = lines(diff_tables(every_table("b", "1"), every_table("a", "1")));
  EXPECT_EQ(all.size(), 2 * table_names().size());
  EXPECT_EQ(all[0], "DeleteEntry members 61 (not in the model)");
  EXPECT_EQ(all[1], "DeleteEntry enis 61 (not in the model)");
  const auto gone = [&](const std::string& table) {
    return place(all, "DeleteEntry " + table + " 61 (not in the model)");
  };
  const auto last_put = place(all, "PutEntry members 62 (missing)");
  for (const auto* table : {"vpcs", "classes", "sg_rules", "routes", "forbidden", "eni_flows", "identities"})
    EXPECT_GT(gone(table), last_put) << table;
  EXPECT_LT(gone("vpcs"), gone("classes"));
  EXPECT_LT(gone("vpcs"), gone("sg_rules"));
}

TEST(DiffTables, WritesWhatDiffers) {
  const auto plan =
      diff_tables({{"routes", {{"k", "new"}, {"same", "1"}}}}, {{"routes", {{"k", "old"}, {"same", "1"}}}});
  EXPECT_THAT(lines(plan), ElementsAre("PutEntry routes 6b (differs from the model)"));
  EXPECT_EQ(std::get<PutEntry>(plan[0].what).value, "new");
}

}  // namespace
}  // namespace caisson::netd::reconcile
