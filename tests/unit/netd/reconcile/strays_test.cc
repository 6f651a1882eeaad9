#include "netd/reconcile/strays.hh"

#include <gmock/gmock.h>

namespace caisson::netd::reconcile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> lines(const Plan& plan) {
  std::vector<std::string> lines;
  for (const auto& operation : plan) {
    lines.push_back(operation.name() + " " + operation.object());
  }
  return lines;
}

/// As it is at rest.
ObservedStrays whole() {
  return {.inside = {{"ip", "caisson", true}},
          .outside = {{"ip", "caisson_a", true}},
          .namespaces = {{.name = "caisson-a", .held = true, .fabric = true}},
          .instances = {"caisson-a"}};
}

TEST(Names, AreTheInstancesOwnAndWhatBeginsWithThem) {
  EXPECT_EQ(host_table_of("caisson"), "caisson");
  EXPECT_EQ(host_table_of("caisson-a-b"), "caisson_a-b");
  EXPECT_TRUE(has_name_of("caisson-a", "caisson-a"));
  EXPECT_TRUE(has_name_of("caisson-a", "caisson-a-old"));
  EXPECT_FALSE(has_name_of("caisson-a", "caisson-ab"));
  EXPECT_FALSE(has_name_of("caisson-a", "caisson"));
}

TEST(DiffStrays, OfAWholeInstanceIsNothing) {
  EXPECT_THAT(diff_strays("caisson-a", whole()), IsEmpty());
  // Before its host table and with another one's.
  auto observed = whole();
  observed.outside = {{"ip", "caisson_b", true}, {"inet", "filter", false}};
  EXPECT_THAT(diff_strays("caisson-a", observed), IsEmpty());
}

TEST(DiffStrays, DeletesTablesByOurMark) {
  auto observed = whole();
  observed.inside.push_back({"ip", "caisson_old", true});
  observed.inside.push_back({"inet", "whatever", true});
  observed.outside.push_back({"inet", "caisson_a", true});
  observed.outside.push_back({"ip", "caisson_a-old", true});
  const auto plan = diff_strays("caisson-a", observed);
  EXPECT_THAT(lines(plan),
              ElementsAre("DeleteTable fabric ip caisson_old", "DeleteTable fabric inet whatever",
                          "DeleteTable host inet caisson_a", "DeleteTable host ip caisson_a-old"));
  EXPECT_EQ(leaked_objects(plan), 4U);
  EXPECT_FALSE(only_reports(plan));
}

TEST(DiffStrays, ReportsTablesByOurNameAlone) {
  auto observed = whole();
  observed.inside.push_back({"inet", "caisson", false});
  observed.inside.push_back({"inet", "filter", false});  // an operator's own
  observed.outside.push_back({"ip6", "caisson_a", false});
  const auto plan = diff_strays("caisson-a", observed);
  EXPECT_THAT(lines(plan),
              ElementsAre("Report fabric table inet caisson", "Report host table ip6 caisson_a"));
  EXPECT_EQ(leaked_objects(plan), 2U);
  EXPECT_TRUE(only_reports(plan));
}

TEST(DiffStrays, LeavesAlongWhatAnotherInstanceHas) {
  auto observed = whole();
  observed.outside.push_back({"ip", "caisson_a-b", true});
  observed.namespaces.push_back({.name = "caisson-a-b", .held = false, .fabric = true});
  observed.instances.push_back("caisson-a-b");
  EXPECT_THAT(diff_strays("caisson-a", observed), IsEmpty());
  // The default one's names begin all others'.
  observed.namespaces.front().held = false;
  observed.outside.push_back({"ip", "caisson", true});
  EXPECT_THAT(diff_strays("caisson", observed), IsEmpty());
}

TEST(DiffStrays, ReportsNamespaces) {
  auto observed = whole();
  observed.namespaces = {{.name = "caisson-a", .held = false, .fabric = false},
                         {.name = "caisson-a-member", .held = false, .fabric = false},
                         {.name = "caisson-a-old", .held = false, .fabric = true},
                         {.name = "caisson-old", .held = false, .fabric = true}};
  const auto plan = diff_strays("caisson-a", observed);
  EXPECT_THAT(lines(plan), ElementsAre("Report netns caisson-a", "Report netns caisson-a-old"));
  EXPECT_EQ(leaked_objects(plan), 2U);
}

}  // namespace
}  // namespace caisson::netd::reconcile
